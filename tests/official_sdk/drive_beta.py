"""Drives the sandbox's beta generation through the official SDK `arize==8.61.0`.

Started by run.py as `python drive_beta.py HOST:PORT`, with the first credential in ARIZE_API_KEY.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from arize import ArizeClient
from arize._generated.api_client.models.predefined_user_role_assignment_request import (
    PredefinedUserRoleAssignmentRequest,
)
from arize.api_keys.types import (
    CustomRoleAssignmentRequest,
    OrganizationPredefinedRoleAssignmentRequest,
    OrganizationRoleAssignmentRequest,
    OrgBinding,
    PredefinedRoleAssignmentRequest,
    SpaceBinding,
    SpaceRoleAssignmentRequest,
    UserRoleAssignmentRequest,
)
from proving import Proof

PRODUCTION = "U3BhY2U6MjAwMTphQmNE"
ACME = "T3JnYW5pemF0aW9uOjEwMDE6eFl6Vw=="
LABS = "T3JnYW5pemF0aW9uOjEwMDI6a0xtTg=="
ROLE = "Um9sZToxOmFCY0Q="
UNKNOWN_KEY = "QXBpS2V5Ojk6YUFhQQ=="
IN_A_MONTH = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)


class Driver:
    """The calls that SDK 8.61.0 has for API keys, and its look-ups of spaces and organizations."""

    def __init__(self, address: str, credential: str, proof: Proof) -> None:
        self.address = address
        self.client = self.connect(credential)
        self.keys = self.client.api_keys
        self.proof = proof

    def connect(self, raw_key: str) -> ArizeClient:
        """Return a client that presents a raw key."""
        return ArizeClient(api_key=raw_key, api_host=self.address, api_scheme="http")

    def works(self, raw_key: str) -> bool:
        """Whether a raw key authenticates; raises where it doesn't."""
        return self.connect(raw_key).api_keys.list() is not None

    def pages(self, **filters: object) -> list[Any]:
        """Return every key of a listing, two a page, each out of the SDK's one-of."""
        page = self.keys.list(limit=2, **filters)
        found = [key.actual_instance for key in page.api_keys]
        while page.pagination.has_more:
            page = self.keys.list(limit=2, cursor=page.pagination.next_cursor, **filters)
            found += [key.actual_instance for key in page.api_keys]
        return found

    def create(self) -> None:
        """Create user keys."""
        check = self.proof.check
        made = self.keys.create(name="ci", description="for the build", expires_at=IN_A_MONTH)
        check("create user key", (made.key[:3], made.key_type, made.status) == ("ak-", "USER", "ACTIVE"))
        check("create: name and description", (made.name, made.description) == ("ci", "for the build"))
        check("create: expiry", made.expires_at == IN_A_MONTH)
        check("create: the raw key authenticates", self.works(made.key))
        bare = self.keys.create(name="bare")
        check("create user key without options", (bare.description, bare.expires_at) == (None, None))

    def create_service_key(self) -> None:
        """Create service keys with default roles, and with roles of every sort."""
        check = self.proof.check
        orgs = [OrgBinding(org_id=ACME, spaces=[SpaceBinding(space="production")])]
        service = self.keys.create_service_key(name="svc", orgs=orgs)
        (organization,) = service.bot_user.organizations
        check("create service key, space by name", service.key_type == "SERVICE")
        check("create service key: organization", organization.org_id == ACME)
        check("create service key: space", [space.space_id for space in organization.spaces] == [PRODUCTION])
        check("create service key: the raw key authenticates", self.works(service.key))
        account_role = UserRoleAssignmentRequest(PredefinedUserRoleAssignmentRequest(type="PREDEFINED", name="ADMIN"))
        wide = self.keys.create_service_key(
            name="wide", description="d", expires_at=IN_A_MONTH, account_role=account_role, orgs=bindings_of_all_sorts()
        )
        acme, labs = wide.bot_user.organizations
        check("create service key: account role", wide.bot_user.account_role.actual_instance.name == "ADMIN")
        check("create service key: organization role", acme.role.actual_instance.name == "MEMBER")
        check("create service key: custom space role", acme.spaces[0].role.actual_instance.id == ROLE)
        check("create service key: default space role", labs.spaces[0].role.actual_instance.name == "MEMBER")

    def list(self) -> None:
        """List by page, type, status, space and creator."""
        check = self.proof.check
        names = [key.name for key in self.pages()]
        check("list, several pages", names == ["keyplan sandbox", "ci", "bare", "svc", "wide"])
        check("list user keys", [key.name for key in self.pages(key_type="USER")] == names[:3])
        service, wide = self.pages(key_type="SERVICE")
        check("list service keys: their spaces", service.bot_user.organizations[0].spaces[0].space_id == PRODUCTION)
        check("list service keys: their organizations", [o.org_id for o in wide.bot_user.organizations] == [ACME, LABS])
        (found,) = self.pages(space="research")
        check("list keys of a space by name", found.id == wide.id)
        check("list keys of a space: organizations left out", found.bot_user.organizations == [])
        mine = self.pages(space=PRODUCTION, user_id=service.created_by_user_id)
        check("list keys of a space and a creator", [key.id for key in mine] == [service.id, wide.id])
        check("list active keys", [key.name for key in self.pages(status="ACTIVE")] == names)
        check("list revoked keys", self.pages(status="REVOKED") == [])
        check("list: last use", self.pages()[0].last_used_at is not None)

    def refresh(self) -> None:
        """Refresh without and with options, and against the laws."""
        check, refused = self.proof.check, self.proof.refused
        made = self.keys.create(name="rotated", description="kept")
        again = self.keys.refresh(api_key_id=made.id)
        check("refresh without options: another raw key", again.key != made.key)
        check("refresh: name and description stay", (again.name, again.description) == ("rotated", "kept"))
        check("refresh: the new raw key authenticates", self.works(again.key))
        refused("refresh: the old raw key", 401, lambda: self.works(made.key))
        graced = self.keys.refresh(api_key_id=again.id, expires_at=IN_A_MONTH, grace_period_seconds=300)
        check("refresh with options: expiry", graced.expires_at == IN_A_MONTH)
        check("refresh with grace: the old raw key authenticates", self.works(again.key))
        check("refresh with grace: the new raw key authenticates", self.works(graced.key))
        later = IN_A_MONTH + timedelta(days=1)
        refused("refresh extending a life", 422, lambda: self.keys.refresh(api_key_id=graced.id, expires_at=later))
        refused("refresh leaving an expiry out", 422, lambda: self.keys.refresh(api_key_id=graced.id))

    def revoke(self) -> None:
        """Revoke, twice, and what does not exist."""
        check, refused = self.proof.check, self.proof.refused
        made = self.keys.create(name="doomed")
        check("revoke", self.keys.revoke(api_key_id=made.id) is None)
        check("revoke: gone from the list", made.id not in [key.id for key in self.pages()])
        check("revoke: listed as revoked", made.id in [key.id for key in self.pages(status="REVOKED")])
        refused("revoke: the raw key", 401, lambda: self.works(made.key))
        check("revoke again", self.keys.revoke(api_key_id=made.id) is None)
        refused("revoke of an unknown id", 404, lambda: self.keys.revoke(api_key_id=UNKNOWN_KEY))
        refused("refresh of a revoked key", 422, lambda: self.keys.refresh(api_key_id=made.id))
        refused("an unknown credential", 401, lambda: self.works("ak-nobody"))

    def audit(self) -> None:
        """Read the audit log."""
        check = self.proof.check
        made = self.keys.create(name="audited")
        self.keys.revoke(api_key_id=made.id)
        page = self.client.audit_logs.list(limit=2, start_time=datetime.now(UTC) - timedelta(hours=1))
        newest = page.logs[0]
        check("audit log, newest first", [one.operation_name for one in page.logs] == ["revokeApiKey", "createApiKey"])
        check("audit log: the values of the caller", json.loads(newest.variables) == {"key_id": made.id})
        check("audit log: who and from where", (newest.user_id, newest.ip) == (made.created_by_user_id, "127.0.0.1"))
        check("audit log: more pages", page.pagination.has_more)

    def directory(self) -> None:
        """Look up spaces and organizations."""
        check = self.proof.check
        found = self.client.spaces.list(name="PROD").spaces
        check(
            "list spaces by part of a name",
            [(each.name, each.organization_id) for each in found] == [("production", ACME)],
        )
        check("get space", self.client.spaces.get(space=PRODUCTION).name == "production")
        names = [each.name for each in self.client.organizations.list().organizations]
        check("list organizations", names == ["acme", "labs"])


def bindings_of_all_sorts() -> list[OrgBinding]:
    """Return two organizations, with predefined, custom and omitted roles."""
    custom = SpaceRoleAssignmentRequest(CustomRoleAssignmentRequest(type="CUSTOM", id=ROLE))
    reader = SpaceRoleAssignmentRequest(PredefinedRoleAssignmentRequest(type="PREDEFINED", name="READ_ONLY"))
    member = OrganizationPredefinedRoleAssignmentRequest(type="PREDEFINED", name="MEMBER")
    return [
        OrgBinding(
            org_id=ACME,
            role=OrganizationRoleAssignmentRequest(member),
            spaces=[SpaceBinding(space=PRODUCTION, role=custom), SpaceBinding(space="staging", role=reader)],
        ),
        OrgBinding(org_id=LABS, spaces=[SpaceBinding(space="research")]),
    ]


def main() -> None:
    """Drive every topic and leave with the count."""
    proof = Proof()
    driver = Driver(sys.argv[1], os.environ["ARIZE_API_KEY"], proof)
    topics = (
        *(driver.create, driver.create_service_key, driver.list, driver.refresh, driver.revoke, driver.audit),
        driver.directory,
    )
    for topic in topics:
        with proof.topic(topic.__name__):
            topic()
    proof.finish()


if __name__ == "__main__":
    main()
