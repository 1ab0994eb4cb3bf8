from pathlib import PurePosixPath

import pytest
from samples import LOCAL, OWNER, make_declaration

from keyplan.errors import InputError
from keyplan.model.manifest import Json
from keyplan.model.observation import Slot
from keyplan.sinks.formats import Dotenv, JsonDocument, Raw
from keyplan.sinks.local_files import FileTarget, fill_slot, read_format


def locate(name: str = "ci", **options: Json) -> Slot:
    return fill_slot(LOCAL, OWNER, make_declaration(name), options)


@pytest.mark.parametrize(
    ("options", "location"),
    [
        pytest.param({"path": "secrets/{name}.key"}, "secrets/ci.key", id="relative, as templated"),
        pytest.param({"path": "/run/{owner}/{name}"}, "/run/ml-platform/ci", id="absolute"),
        pytest.param({"path": "./a//{name}"}, "a/ci", id="one place, one location"),
        pytest.param({"path": "//srv/{name}"}, "//srv/ci", id="two slashes, which POSIX lets mean something else"),
        pytest.param({"path": "///srv/./{name}"}, "/srv/ci", id="three slashes, which mean one"),
        pytest.param({"path": "{name}.env", "format": "dotenv"}, "ci.env#ARIZE_API_KEY", id="the default variable"),
        pytest.param({"path": ".env", "format": "dotenv", "variable": "{name}_KEY"}, ".env#CI_KEY", id="its own"),
        pytest.param({"path": "{name}", "format": "json", "variable": "X"}, "ci", id="only dotenv has variables"),
    ],
)
def test_a_location_is_what_a_person_would_call_it(options: dict[str, Json], location: str) -> None:
    assert locate(**options).location == location


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param({"path": "../{name}"}, "climbs upwards", id="above the folder"),
        pytest.param({"path": "/a/../{name}"}, "climbs upwards", id="absolute and upwards"),
        pytest.param({"path": "secrets/"}, "names a folder", id="a folder"),
        pytest.param({"path": "/"}, "names a folder", id="the root"),
        pytest.param({"path": "."}, "names a folder", id="here"),
        pytest.param({"path": "a/."}, "names a folder", id="a folder in disguise"),
        pytest.param({"path": "a\x00b"}, "control characters", id="what no file name may hold"),
        pytest.param({"path": "{nam}"}, "did you mean {name}", id="an unknown field"),
        pytest.param({"path": "a", "format": "dotenv", "variable": "1{name}"}, "'1CI'", id="a digit first"),
        pytest.param({"path": "a", "format": "dotenv", "variable": "A-B"}, "'A-B'", id="a dash"),
    ],
)
def test_a_place_that_cannot_be_is_the_users_mistake(options: dict[str, Json], why: str) -> None:
    with pytest.raises(InputError) as caught:
        locate(**options)
    assert why in caught.value.message


def test_a_name_cannot_climb_out_of_its_folder() -> None:
    assert locate("../../etc/passwd", path="secrets/{name}").location == "secrets/%2E.%2F..%2Fetc%2Fpasswd"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"path": "a"}, Raw(), id="raw is the default"),
        pytest.param({"path": "a", "newline": True}, Raw(newline=True), id="raw, one line"),
        pytest.param({"path": "a", "format": "json"}, JsonDocument(), id="json"),
        pytest.param({"path": "a", "format": "dotenv"}, Dotenv("ARIZE_API_KEY"), id="dotenv"),
    ],
)
def test_a_slot_leads_back_to_its_format(options: dict[str, Json], expected: object) -> None:
    assert read_format(locate(**options)) == expected


def test_a_target_names_its_side_files_beside_it() -> None:
    target = FileTarget.of(locate(path="secrets/{name}.key"))
    assert target.path == PurePosixPath("secrets/ci.key")
    assert (target.sidecar, target.lock) == (".ci.key.keyplan.json", ".ci.key.keyplan.lock")
