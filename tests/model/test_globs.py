"""A glob fits what its author meant, and nothing that an attacker can write around it."""

from __future__ import annotations

import time

import pytest

from keyplan.model.globs import find_fixed_folder, find_url_fault, fits_name, fits_path, fits_url, split_path

REGIONS = "https://api.*.arize.com"


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        pytest.param("https://api.arize.com", "https://api.arize.com", id="itself"),
        pytest.param("https://api.arize.com", "HTTPS://API.Arize.Com", id="upper case of scheme and host"),
        pytest.param("https://api.arize.com", "https://api.arize.com/", id="a slash at the end"),
        pytest.param("https://api.arize.com", "https://api.arize.com:443", id="the default port"),
        pytest.param("https://api.arize.com:443/", "https://api.arize.com", id="the default port in the pattern"),
        pytest.param("http://127.0.0.1:80", "http://127.0.0.1", id="the default port of http"),
        pytest.param("http://127.0.0.1:8080", "http://127.0.0.1:08080", id="a port with a zero in front"),
        pytest.param("http://[::1]:9", "http://[::1]:9", id="IPv6"),
        pytest.param(REGIONS, "https://api.eu-west-1a.arize.com", id="a region"),
        pytest.param("https://gw-*.acme.com", "https://gw-7.acme.com", id="a part of a label"),
        pytest.param("https://gw.acme.com/*/arize", "https://gw.acme.com/eu/arize", id="a segment of the path"),
        pytest.param("postgresql://k@db/keyplan?x=1", "postgresql://k@db/keyplan?x=1", id="another scheme as it is"),
    ],
)
def test_a_pattern_fits_the_url_that_it_means(pattern: str, url: str) -> None:
    assert fits_url(pattern, url)


@pytest.mark.parametrize(
    ("pattern", "url"),
    [
        pytest.param(REGIONS, "https://api.evil.com/x.arize.com", id="a star over the end of the host"),
        pytest.param(REGIONS, "https://api.evil.com/.arize.com", id="the same with nothing in front"),
        pytest.param(REGIONS, "https://api.a.b.arize.com", id="a star over two labels"),
        pytest.param(REGIONS, "https://api..arize.com", id="an empty label"),
        pytest.param(REGIONS, "https://api.arize.com", id="a label too few"),
        pytest.param(REGIONS, "https://api.eu.arize.com.evil.com", id="more labels at the end"),
        pytest.param(REGIONS, "https://api.eu.arize.com.", id="a dot at the end"),
        pytest.param(REGIONS, "https://evil.com#api.eu.arize.com", id="a fragment"),
        pytest.param(REGIONS, "https://evil.com?api.eu.arize.com", id="a query"),
        pytest.param(REGIONS, "https://api.eu.arize.com?x=1", id="a query behind the right host"),
        pytest.param(REGIONS, "https://api.eu.arize.com@evil.com", id="the right host as user name"),
        pytest.param(REGIONS, "https://api.x:y@eu.arize.com", id="a password in the place of the star"),
        pytest.param(REGIONS, "https://user@api.eu.arize.com", id="a user name"),
        pytest.param(REGIONS, "https://api.eu.arize.com:444", id="another port"),
        pytest.param(REGIONS, "https://api.eu.arize.com:", id="an empty port"),
        pytest.param(REGIONS, "http://api.eu.arize.com", id="plain http"),
        pytest.param(REGIONS, "http://api.eu.arize.com:443", id="plain http to the port of https"),
        pytest.param(REGIONS, "https:api.eu.arize.com", id="no slashes"),
        pytest.param(REGIONS, "https:///api.eu.arize.com", id="three slashes"),
        pytest.param(REGIONS, "https:\\\\api.eu.arize.com", id="backslashes"),
        pytest.param(REGIONS, "https://evil.com\\.eu.arize.com", id="a backslash that some take for a slash"),
        pytest.param(REGIONS, "https://api.evil.com%2f.arize.com", id="an escaped slash in the host"),
        pytest.param(REGIONS, "https://api.%65u.arize.com", id="an escaped letter in the host"),
        pytest.param(REGIONS, " https://api.eu.arize.com", id="a blank in front"),
        pytest.param(REGIONS, "https://api.eu.arize.com\n", id="a line break at the end"),
        pytest.param(REGIONS, "https://api.e\tu.arize.com", id="a tab that some leave out"),
        pytest.param(REGIONS, "https://api.eu.ar\u0456ze.com", id="a Cyrillic letter"),
        pytest.param(REGIONS, "https://api.\u200beu.arize.com", id="an invisible character"),
        pytest.param(REGIONS, "https://api\u3002eu\u3002arize\u3002com", id="dots of another script"),
        pytest.param(REGIONS, "https://api.\uff45u.arize.com", id="a letter of full width"),
        pytest.param(REGIONS, "https://api.eu.xn--arze-w5a.com", id="the same look in punycode"),
        pytest.param(REGIONS, "https://api.*.arize.com.", id="the pattern itself with a dot"),
        pytest.param(REGIONS, "https://API.*.arize.com", id="a star in the URL"),
        pytest.param(REGIONS, "https://api.eu.arize.com/v2", id="a path"),
        pytest.param("https://gw.acme.com/*", "https://gw.acme.com/a/b", id="a star over a slash"),
        pytest.param("https://gw.acme.com/*", "https://gw.acme.com/..", id="a dot segment for a star"),
        pytest.param("https://gw.acme.com/*/x", "https://gw.acme.com/../x", id="a dot segment on the way"),
        pytest.param("https://gw.acme.com/a", "https://gw.acme.com/a/.", id="a dot segment at the end"),
        pytest.param("https://gw.acme.com/*", "https://gw.acme.com/%2e%2e", id="escaped dots"),
        pytest.param("https://gw.acme.com/*", "https://gw.acme.com/a%2fb", id="an escaped slash"),
        pytest.param("https://gw.acme.com/*", "https://gw.acme.com//x", id="an empty segment"),
        pytest.param("https://gw.acme.com/a", "https://gw.acme.com/A", id="upper case of the path"),
        pytest.param("https://127.0.0.1", "https://0x7f.0.0.1", id="another way to write an address"),
        pytest.param("http://[::1]", "http://[::1%25lo]", id="a zone"),
        pytest.param("https://*", "https://a.b", id="a star alone is one label"),
        pytest.param("postgresql://k@*/keyplan", "postgresql://k@db/keyplan", id="a glob of another scheme"),
        pytest.param("https://api.arize.com", "", id="nothing"),
    ],
)
def test_no_url_fits_that_leads_elsewhere(pattern: str, url: str) -> None:
    assert not fits_url(pattern, url)


@pytest.mark.parametrize(
    "pattern", ["https://api.*.arize.com", "http://127.0.0.1:8080", "https://h/*/x", "http://[::1]"]
)
def test_a_pattern_of_http_has_no_fault(pattern: str) -> None:
    assert find_url_fault(pattern) == ""


@pytest.mark.parametrize("pattern", ["api.arize.com", "https://h:*", "https://u@h", "ftp://h", "https://h/../x", "**"])
def test_a_pattern_that_fits_no_url_has_a_fault(pattern: str) -> None:
    assert find_url_fault(pattern).startswith("must be https://HOST")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("acme/*", "acme/app"),
        ("/arize/*", "/arize/ci"),
        ("ARIZE_*_KEY", "ARIZE_API_KEY"),
        ("ml-*", "ml-"),
        ("arize/**", "arize/ml/ci"),
        ("**/ci", "a/b/ci"),
        ("team[12]", "team1"),
        ("team[12]", "team[12]"),
        ("x?", "xy"),
        ("a/**/z", "a/b/c/z"),
    ],
)
def test_a_name_fits_its_glob(pattern: str, name: str) -> None:
    assert fits_name(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        pytest.param("acme/*", "acme/app/x", id="a star over a slash"),
        pytest.param("acme/*", "acme/..", id="upwards"),
        pytest.param("acme/*", "acme/.", id="the same"),
        pytest.param("acme/*", "acme/", id="nothing"),
        pytest.param("acme/*", "/acme/app", id="a slash in front"),
        pytest.param("acme/*", "acme//app", id="an empty segment"),
        pytest.param("acme/*", "ACME/app", id="upper case"),
        pytest.param("acme/*", "acme/a\\..\\b", id="a backslash"),
        pytest.param("acme/*", "acme/a\nb", id="a line break"),
        pytest.param("acme/*", "acme/a\x00", id="a null character"),
        pytest.param("acme/**", "acme", id="two stars need a segment"),
        pytest.param("acme/**", "acme/a/../../b", id="upwards within two stars"),
        pytest.param("acme/**/z", "acme/a/../z", id="upwards before the end"),
        pytest.param("*", "a/b", id="a star alone is one segment"),
        pytest.param("ml-*", "xml-a", id="more in front"),
        pytest.param("acme", "acme\n", id="a line break at the end"),
        pytest.param("**", "", id="two stars and nothing"),
    ],
)
def test_no_name_fits_beside_its_glob(pattern: str, name: str) -> None:
    assert not fits_name(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/run/secrets/*", "/run/secrets/token"),
        ("/run/secrets/*", "/run//secrets/./token"),
        ("secrets/*.env", "secrets/ci.env"),
        ("secrets/*.env", "./secrets/ci.env"),
        ("secrets/*", "/repo/envs/secrets/ci"),
        ("../shared/*", "/repo/envs/../shared/x".replace("/envs/..", "")),
        ("**", "a/b/c"),
    ],
)
def test_a_path_fits_its_glob(pattern: str, path: str) -> None:
    assert fits_path(pattern, path, "/repo/envs")


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        pytest.param("/run/secrets/*", "/run/secrets/../shadow", id="upwards"),
        pytest.param("/run/secrets/*", "/run/secrets/a/b", id="a star over a slash"),
        pytest.param("/run/secrets/*", "run/secrets/a", id="relative for absolute"),
        pytest.param("secrets/*", "/secrets/a", id="absolute for relative"),
        pytest.param("secrets/*", "/repo/other/secrets/a", id="another folder"),
        pytest.param("**", "../x", id="upwards from the folder"),
        pytest.param("**", "~/x", id="a home folder"),
        pytest.param("**", "~root/x", id="another home folder"),
        pytest.param("**", "a\x00b", id="a null character"),
        pytest.param("secrets/*", "secrets", id="the folder itself"),
        pytest.param("secrets/*", "secrets/..", id="the folder above"),
    ],
)
def test_no_path_fits_beside_its_glob(pattern: str, path: str) -> None:
    assert not fits_path(pattern, path, "/repo/envs")


def test_the_name_of_the_folder_is_no_glob() -> None:
    assert fits_path("x", "x", "/repo/*")
    assert not fits_path("x", "/repo/prod/x", "/repo/*")


def test_dots_that_the_owner_of_a_pattern_wrote_are_resolved() -> None:
    assert fits_path("../shared/*", "/repo/shared/x", "/repo/envs")
    assert not fits_path("../shared/*", "/repo/envs/x", "/repo/envs")


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [
        ("/run/secrets/*", "/run/secrets"),
        ("/run/*/token", "/run"),
        ("/token", "/"),
        ("token", "."),
        ("secrets/x", "secrets"),
    ],
)
def test_the_folder_of_all_files_of_a_glob(pattern: str, folder: str) -> None:
    assert find_fixed_folder(pattern) == folder


def test_a_way_that_is_not_clear_is_none() -> None:
    assert split_path("a/../b", "/x") is None
    assert split_path("a//b/.", "/x") == ("x", "a", "b")


@pytest.mark.parametrize(
    "attack",
    [
        lambda: fits_name("/".join(["**"] * 40), "/".join(["a"] * 1000) + "/"),
        lambda: fits_name("*a" * 50 + "b", "a" * 5000),
        lambda: fits_url("https://" + "*." * 50 + "com", "https://" + "a." * 5000 + "!"),
        lambda: fits_url("https://h" + "/*" * 50, "https://h" + "/a" * 5000 + "!"),
    ],
)
def test_no_text_takes_long(attack: object) -> None:
    begun = time.perf_counter()
    assert not attack()  # type: ignore[operator]  # a call without arguments
    assert time.perf_counter() - begun < 10
