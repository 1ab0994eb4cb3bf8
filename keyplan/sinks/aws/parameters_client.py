"""Parameters of AWS Systems Manager, each as one record, and the few calls that change one.

Only the methods whose names say so read a value.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from keyplan.sinks.answers import understood
from keyplan.sinks.aws.notes import OWNER, VERSION, from_list, to_list
from keyplan.sinks.aws.service import WIDEST, AwsDeniedError, Service

MOST_ASKED_SINGLY = 100
"""Of how many parameters the tags are asked one by one, which is exact; AWS's index of all tags lags behind."""
_NAMES_A_REQUEST = 50
_ABSENT = ("ParameterNotFound",)
_DENIED = ("AccessDeniedException", "AccessDenied")
_LISTING = "the listing of parameters"
SECURE = "SecureString"
"""The type of an encrypted parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterRecord:
    """A parameter without its value."""

    name: str
    type: str
    version: str
    """Counts up with every value, from 1."""
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterStorage:
    """How AWS shall keep a value."""

    kms_key_id: str
    tier: str

    def arguments(self) -> dict[str, str]:
        """Return the arguments of PutParameter; what is empty is left to AWS."""
        return {name: value for name, value in (("KeyId", self.kms_key_id), ("Tier", self.tier)) if value}


class ParametersClient:
    """Parameter Store in one account and region. Safe for threads."""

    def __init__(self, store: Service, tagging: Service) -> None:
        self._store = store
        self._tagging = tagging

    def look(self, names: Sequence[str], owner: str) -> dict[str, ParameterRecord]:
        """Return the parameters of these names that there are, with their tags.

        For more than MOST_ASKED_SINGLY the tags come from the account's index, if it may be read and does not
        contradict the parameters.
        """
        records = self._named(names)
        index = self._index(owner) if len(names) > MOST_ASKED_SINGLY else {}
        known = {name: index.get(name.lstrip("/"), {}) for name in records}
        # The index lags behind: it may still name the version before the last one.
        unsure = [name for name, record in records.items() if known[name].get(VERSION) != record.version]
        known |= self.tags(unsure)
        return {name: dataclasses.replace(record, tags=known[name]) for name, record in records.items()}

    def tags(self, names: Collection[str]) -> dict[str, dict[str, str]]:
        """Return the tags of parameters, asked one by one; none of one that is gone."""

        def ask(name: str) -> dict[str, str]:
            answer = self._store.ask(
                "list_tags_for_resource",
                name,
                absent=("InvalidResourceId",),
                ResourceType="Parameter",
                ResourceId=name,
            )
            with understood(name):
                return from_list((answer or {}).get("TagList"))

        with ThreadPoolExecutor(max_workers=WIDEST) as pool:
            return dict(zip(names, pool.map(ask, names), strict=True))

    def value_if_allowed(self, name: str) -> bytes | None:
        """Return the value; empty if there is none, None if it may not be read."""
        try:
            return self.value(name)
        except AwsDeniedError:
            return None

    def value(self, name: str) -> bytes:
        """Return the value; empty if there is none."""
        answer = self._store.ask("get_parameter", name, absent=_ABSENT, Name=name, WithDecryption=True)
        with understood(name):
            return str(answer["Parameter"]["Value"]).encode() if answer is not None else b""

    def create(self, name: str, content: bytes, storage: ParameterStorage, tags: Mapping[str, str]) -> None:
        """Make a parameter of a value and its tags, in one step. Raises SinkUnavailableError if there is one."""
        # Without Overwrite, so that AWS refuses if there is one meanwhile; with it, AWS would take no tags.
        self._store.call(
            "put_parameter",
            name,
            Name=name,
            Value=content.decode(),
            Type=SECURE,
            Tags=to_list(tags),
            **storage.arguments(),
        )

    def renew(self, record: ParameterRecord, content: bytes, storage: ParameterStorage) -> str:
        """Give a parameter another value and return its version."""
        answer = self._store.call(
            "put_parameter",
            record.name,
            Name=record.name,
            Value=content.decode(),
            Type=SECURE,
            Overwrite=True,
            **storage.arguments(),
        )
        with understood(record.name):
            return str(answer["Version"])

    def mark(self, name: str, tags: Mapping[str, str], surplus: Sequence[str]) -> None:
        """Set tags, all in one step, then take others off."""
        resource = {"ResourceType": "Parameter", "ResourceId": name}
        if tags:
            self._store.call("add_tags_to_resource", name, **resource, Tags=to_list(tags))
        if surplus:
            self._store.call("remove_tags_from_resource", name, **resource, TagKeys=list(surplus))

    def delete(self, name: str) -> None:
        """Delete a parameter; one that is gone is not an error."""
        self._store.ask("delete_parameter", name, absent=_ABSENT, Name=name)

    def _named(self, names: Sequence[str]) -> dict[str, ParameterRecord]:
        requests = [
            [{"Key": "Name", "Option": "Equals", "Values": list(names[start : start + _NAMES_A_REQUEST])}]
            for start in range(0, len(names), _NAMES_A_REQUEST)
        ]
        with ThreadPoolExecutor(max_workers=WIDEST) as pool:
            return {name: record for found in pool.map(self._list, requests) for name, record in found.items()}

    def _list(self, filters: Sequence[Mapping[str, Any]]) -> dict[str, ParameterRecord]:
        pages = self._store.pages("describe_parameters", _LISTING, ParameterFilters=list(filters), MaxResults=50)
        return {record.name: record for page in pages for record in _read_page(page)}

    def _index(self, owner: str) -> dict[str, dict[str, str]]:
        """Return tags by name without a leading slash; nothing if the index may not be read."""
        tags: dict[str, dict[str, str]] = {}
        token: str | None = ""
        listing = self._tagging.list_pages("the index of tags")
        while token is not None:
            page = self._tagging.ask(
                "get_resources",
                "the index of tags",
                absent=_DENIED,
                ResourceTypeFilters=["ssm:parameter"],
                TagFilters=[{"Key": OWNER, "Values": [owner]}],
                PaginationToken=token,
            )
            items = (page or {}).get("ResourceTagMappingList", ())
            with understood("the index of tags"):
                # An ARN has one slash before the name, whether the name begins with one or not.
                tags |= {item["ResourceARN"].partition(":parameter/")[2]: from_list(item["Tags"]) for item in items}
            token = (page or {}).get("PaginationToken") or None
            listing.add_page(len(items), cursor=token or "")
        return tags


def _read_page(page: Mapping[str, Any]) -> list[ParameterRecord]:
    with understood(_LISTING):
        return [
            ParameterRecord(name=item["Name"], type=item.get("Type", ""), version=str(item.get("Version", "")), tags={})
            for item in page["Parameters"]
        ]
