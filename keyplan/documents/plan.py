"""A plan as JSON values, in the format that `schemas/plan.v1.json` publishes, and its digest.

Two different decisions never have one digest, and a document of another major format version is never read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from keyplan.errors import PlanFileError
from keyplan.model.field_change import FieldChange
from keyplan.model.fields import Fields
from keyplan.model.identity import Address, KeyId, UserId
from keyplan.model.manifest import KeyType, Unmanaged
from keyplan.model.place import Place
from keyplan.model.plan import Action, Blocked, Guard, KeyView, Plan, Reason, Request, Summary, Turn, Verb
from keyplan.model.times import write_time
from keyplan.model.vacancy import Vacancy

FORMAT_VERSION = "1.1"
"""A minor version adds fields, which a reader ignores; a major one changes meaning, which a reader refuses."""

TERRAFORM_ACTIONS: Mapping[Verb, tuple[str, ...]] = {
    Verb.CREATE: ("create",),
    Verb.REPLACE: ("create", "delete"),
    Verb.REFRESH: ("update",),
    Verb.UPDATE: ("update",),
    Verb.DELIVER: ("update",),
    Verb.IMPORT: ("no-op",),
    Verb.EMPTY: ("update",),
    Verb.DELETE: ("delete",),
    Verb.FORGET: ("forget",),
    Verb.KEEP: ("no-op",),
}
"""Each verb in the words of Terraform's plan JSON, so that policies written for it work unchanged."""

_TEXTS_FOR_PEOPLE = ("explanation", "consequences", "notes")


def to_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON values; same plan, same document."""
    return {
        "format_version": FORMAT_VERSION,
        "digest": digest(plan),
        "owner": plan.owner,
        "manifest": plan.manifest,
        "provider": {"base_url": plan.provider, "dialect": plan.dialect},
        **write_further(plan.further_providers),
        "request": _write_request(plan.request),
        "serial": plan.serial,
        "resource_changes": [_write_action(action) for action in plan.actions],
        "unmanaged": [_write_view(view) for view in plan.unmanaged],
        **_write_marked(plan),
        "unmanaged_policy": plan.unmanaged_policy.value,
        "summary": write_summary(plan.summary),
        "warnings": list(plan.warnings),
        "policies": list(plan.policies),
        **({"unchecked": True} if plan.is_unchecked else {}),
        # Left out where it says nothing, as in every plan of an older keyplan.
        **({"space_names": dict(plan.space_names)} if plan.space_names else {}),
    }


def digest(plan: Plan) -> str:
    """Return 64 hex digits that stand for the decisions of a plan: what a reviewer approves.

    The same decisions have the same digits on every machine and at any time. What only people read, the paths
    of the manifest and of policies, the lines in them, kept keys and unmanaged ones do not count; blocked actions do.
    """
    canonical = json.dumps(list_decisions(plan), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def list_decisions(plan: Plan) -> dict[str, Any]:
    """Return what the digest is made of: owner, provider, request and the actions that are not keep."""
    return {
        "owner": plan.owner,
        "provider": plan.provider,
        **write_further(plan.further_providers),
        "request": _write_request(plan.request),
        "actions": [_write_decision(action) for action in plan.actions if action.verb is not Verb.KEEP],
    }


def write_further(urls: Mapping[str, str]) -> dict[str, Any]:
    """Return the other providers, sorted by name; nothing if the manifest has one, as in plans of an older keyplan."""
    further = [{"name": name, "base_url": url} for name, url in sorted(urls.items())]
    return {"further_providers": further} if further else {}


def from_document(document: object) -> Plan:
    """Return the plan that `to_document` wrote; fields that it does not know are ignored.

    Raises PlanFileError if the document is of another major format version, or not a plan.
    """
    fields = Fields(document, "plan")
    check_version(fields.text("format_version"))
    provider = fields.one("provider")
    return Plan(
        owner=fields.text("owner"),
        manifest=fields.text("manifest"),
        provider=provider.text("base_url"),
        dialect=provider.text("dialect"),
        further_providers={one.text("name"): one.text("base_url") for one in fields.optional_many("further_providers")},
        actions=tuple(_read_action(entry) for entry in fields.many("resource_changes")),
        unmanaged=tuple(_read_view(entry) for entry in fields.many("unmanaged")),
        claimed=tuple(_read_view(entry) for entry in fields.optional_many("claimed")),
        strays=tuple(_read_view(entry) for entry in fields.optional_many("strays")),
        elsewhere=tuple(_read_view(entry) for entry in fields.optional_many("elsewhere")),
        unmanaged_policy=fields.choice("unmanaged_policy", Unmanaged),
        request=_read_request(fields.one("request")),
        serial=fields.integer("serial"),
        warnings=fields.texts("warnings"),
        policies=fields.optional_texts("policies"),
        is_unchecked=fields.flag("unchecked"),
        space_names=fields.optional_text_map("space_names"),
    )


def write_action_identity(action: Action) -> dict[str, Any]:
    """Return what names an action in plan and report alike: address, verb, reason, key id."""
    return {
        "address": action.address,
        "verb": action.verb.value,
        "reason": action.reason.value,
        "key_id": action.key_id,
    }


def write_summary(summary: Summary) -> dict[str, int]:
    """Return the counts as JSON values."""
    return {
        "add": summary.add,
        "change": summary.change,
        "destroy": summary.destroy,
        **({"retire": summary.retire} if summary.retire else {}),
        **({"cut_off": summary.cut_off} if summary.cut_off else {}),
        **({"waiting": summary.waiting} if summary.waiting else {}),
        "keep": summary.keep,
        "forget": summary.forget,
        **({"import": summary.imported} if summary.imported else {}),
        "blocked": summary.blocked,
        "unmanaged": summary.unmanaged,
    }


def check_version(version: str) -> None:
    """Accept the version of a document that can be read. Raises PlanFileError for another major one."""
    major, _, minor = version.partition(".")
    if not (major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        raise PlanFileError("plan.format_version is not of the form MAJOR.MINOR")
    ours = FORMAT_VERSION.partition(".")[0]
    if major != ours:
        raise PlanFileError(
            f"the plan has format version {version}, and this keyplan reads {ours}.x",
            advice="make a new plan with this keyplan, or apply with the keyplan that made it",
        )


def is_newer(version: str) -> bool:
    """Whether a document of our major version may have fields that this keyplan does not know."""
    return int(version.partition(".")[2]) > int(FORMAT_VERSION.partition(".")[2])


def _write_decision(action: Action) -> dict[str, Any]:
    """Return the action as JSON values, without place and without what only people read."""
    decision = _write_action(action)
    del decision["place"]
    for name in _TEXTS_FOR_PEOPLE:
        decision.pop(name, None)
    if action.verb is Verb.IMPORT and action.blocked and action.blocked.guard is Guard.IMPORT:
        # Only its value is missing: the decision to record this key is the same with and without the value at hand.
        return {**decision, "reason": Reason.IMPORTED.value, "blocked_by": None}
    if action.blocked:
        decision["blocked_by"] = action.blocked.guard.value
    return decision


def _write_action(action: Action) -> dict[str, Any]:
    return {
        **write_action_identity(action),
        "change": {
            "actions": list(TERRAFORM_ACTIONS[action.verb]),
            "before": action.before and _write_view(action.before),
            "after": action.after and _write_view(action.after),
        },
        "changes": [{"field": c.field, "before": c.before, "after": c.after} for c in action.changes],
        "explanation": action.explanation,
        "consequences": list(action.consequences),
        "locations": list(action.locations),
        "overlap_seconds": _write_duration(action.overlap),
        # Left out if they say nothing, so that a plan keeps the digest that an older keyplan gave it.
        **({"cuts_off": True} if action.cuts_off else {}),
        **({"vacancies": [write_vacancy(one) for one in action.vacancies]} if action.vacancies else {}),
        **({"notes": list(action.notes)} if action.notes else {}),
        "previous_address": action.previous_address,
        **({"turn": write_turn(action.turn)} if action.turn else {}),
        "blocked_by": action.blocked and {"guard": action.blocked.guard.value, "advice": action.blocked.advice},
        "place": action.place and _write_place(action.place),
    }


def _read_action(fields: Fields) -> Action:
    change = fields.one("change")
    before, after = change.optional_one("before"), change.optional_one("after")
    blocked, place = fields.optional_one("blocked_by"), fields.optional_one("place")
    turn = fields.optional_one("turn")
    return Action(
        address=Address(fields.text("address")),
        verb=fields.choice("verb", Verb),
        reason=fields.choice("reason", Reason),
        key_id=_read_key_id(fields.optional_text("key_id")),
        before=_read_view(before) if before else None,
        after=_read_view(after) if after else None,
        changes=tuple(_read_change(entry) for entry in fields.many("changes")),
        explanation=fields.text("explanation"),
        consequences=fields.texts("consequences"),
        locations=fields.texts("locations"),
        overlap=fields.duration("overlap_seconds"),
        cuts_off=fields.flag("cuts_off"),
        vacancies=tuple(_read_vacancy(entry) for entry in fields.optional_many("vacancies")),
        notes=fields.optional_texts("notes"),
        previous_address=_read_address(fields.optional_text("previous_address")),
        turn=_read_turn(turn) if turn else None,
        blocked=_read_blocked(blocked) if blocked else None,
        place=_read_place(place) if place else None,
    )


def _read_change(fields: Fields) -> FieldChange:
    return FieldChange(field=fields.text("field"), before=fields.text("before"), after=fields.text("after"))


def write_vacancy(vacancy: Vacancy) -> dict[str, Any]:
    """Return a place that an address leaves as JSON values."""
    return {
        "location": vacancy.location,
        "leaves": vacancy.leaves,
        "overlap_seconds": _write_duration(vacancy.overlap),
        "empty_after": write_time(vacancy.empty_after) if vacancy.empty_after else None,
    }


def _read_vacancy(fields: Fields) -> Vacancy:
    return Vacancy(
        location=fields.text("location"),
        leaves=fields.text("leaves"),
        overlap=fields.duration("overlap_seconds"),
        empty_after=fields.optional_time("empty_after"),
    )


def write_turn(turn: Turn) -> dict[str, Any]:
    """Return what a waiting action waits to do as JSON values."""
    return {
        "verb": turn.verb.value,
        "reason": turn.reason.value,
        "wave": turn.wave,
        "waves": turn.waves,
        "not_before": turn.not_before and write_time(turn.not_before),
    }


def _read_turn(fields: Fields) -> Turn:
    return Turn(
        verb=fields.choice("verb", Verb),
        reason=fields.choice("reason", Reason),
        wave=fields.integer("wave"),
        waves=fields.integer("waves"),
        not_before=fields.optional_time("not_before"),
    )


def _read_blocked(fields: Fields) -> Blocked:
    return Blocked(guard=fields.choice("guard", Guard), advice=fields.text("advice"))


def _write_place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "column": place.column}


def _read_place(fields: Fields) -> Place:
    return Place(fields.text("file"), fields.integer("line"), fields.integer("column"))


def _write_view(view: KeyView) -> dict[str, Any]:
    return {
        "id": view.id,
        "name": view.name,
        "key_type": view.key_type and view.key_type.value,
        "description": view.description,
        "expires_at": view.expires_at and write_time(view.expires_at),
        "expires_in_seconds": None if view.expires_in is None else _write_duration(view.expires_in),
        "spaces": list(view.spaces),
        "roles": view.roles,
        **({"scope_word": view.scope_word} if view.scope_word else {}),
        **({"owner": view.owner, "created_by_user_id": view.creator} if view.owner else {}),
    }


def _read_view(fields: Fields) -> KeyView:
    return KeyView(
        id=_read_key_id(fields.optional_text("id")),
        name=fields.text("name"),
        key_type=fields.optional_choice("key_type", KeyType),
        description=fields.text("description"),
        expires_at=fields.optional_time("expires_at"),
        expires_in=fields.optional_duration("expires_in_seconds"),
        spaces=fields.texts("spaces"),
        scope_word=fields.optional_text("scope_word") or "",
        roles=fields.text("roles"),
        owner=fields.optional_text("owner") or "",
        creator=UserId(fields.optional_text("created_by_user_id") or ""),
    )


def _write_marked(plan: Plan) -> dict[str, Any]:
    """Return the lists of marked keys that are not ours; an empty one is left out."""
    lists = {"claimed": plan.claimed, "strays": plan.strays, "elsewhere": plan.elsewhere}
    return {name: [_write_view(view) for view in views] for name, views in lists.items() if views}


def _write_request(request: Request) -> dict[str, Any]:
    return {
        "rotate": list(request.rotate),
        "targets": list(request.targets),
        "allow_deletes": request.allow_deletes,
        "allow_missing": request.allow_missing,
        # Left out where they say nothing, so that a plan keeps the digest that an older keyplan gave it.
        **({} if request.allow_replaces is None else {"allow_replaces": request.allow_replaces}),
        **({"over_claim": True} if request.over_claim else {}),
        **({"now": True} if request.now else {}),
        **({"revoke": list(request.revoke)} if request.revoke else {}),
        **({"revoke_owner": request.revoke_owner} if request.revoke_owner else {}),
        **({"leaked": list(request.leaked)} if request.leaked else {}),
    }


def _read_request(fields: Fields) -> Request:
    return Request(
        rotate=fields.texts("rotate"),
        targets=fields.texts("targets"),
        allow_deletes=fields.optional_integer("allow_deletes"),
        allow_missing=fields.optional_integer("allow_missing"),
        allow_replaces=fields.optional_integer("allow_replaces"),
        over_claim=fields.flag("over_claim"),
        now=fields.flag("now"),
        revoke=fields.optional_texts("revoke"),
        revoke_owner=fields.optional_text("revoke_owner") or "",
        leaked=tuple(KeyId(key_id) for key_id in fields.optional_texts("leaked")),
    )


def _read_key_id(text: str | None) -> KeyId | None:
    return None if text is None else KeyId(text)


def _read_address(text: str | None) -> Address | None:
    return None if text is None else Address(text)


def _write_duration(duration: timedelta) -> int | float:
    """Return seconds, whole ones as an integer."""
    seconds = duration.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds
