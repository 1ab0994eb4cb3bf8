"""Regions of Arize: what their names look like, and which host answers for one.

In: a region's name. Out: a host. Never: a list of regions; new ones need no new keyplan.
"""

from __future__ import annotations

import re

from keyplan.errors import InputError

REGION_PATTERN = "^[a-z]{2}(-[a-z]+)+-[0-9]+[a-z]?$"
"""The shape of ``eu-west-1a``, ``us-east-1b`` (arize-api 2.1)."""


def host_of(region: str, *, named: str) -> str:
    """Return the host of a region; the message calls it `named`. Raises InputError where it is none."""
    if not re.fullmatch(REGION_PATTERN, region):
        raise InputError(f"{named} '{region}' is no region", advice="a region looks like eu-west-1a")
    return f"api.{region}.arize.com"
