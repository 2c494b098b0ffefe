"""Variables of the environment that look like options and are none."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Final

PREFIX: Final = "RISKMASK_"
# Options have no part in these: the file's name, and what offline commands and annotators read.
OTHERS: Final = frozenset({"CONFIG", "CORPUS", "CAPTIONER"})
# A service of the name riskmask makes Kubernetes set RISKMASK_SERVICE_HOST, RISKMASK_PORT and so on
# in the pods of its namespace (Kubernetes, "Accessing the Service": environment variables).
SERVICE_LINK: Final = re.compile(r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+)")


def strangers(environment: Mapping[str, str], options: Collection[str]) -> dict[str, str]:
    """Variables with the options' prefix that nothing reads, and what is said of each.

    Args:
        environment: variables by name.
        options: names as in the file.
    """
    known = {option.upper() for option in options}
    found = {}
    for variable, value in sorted(environment.items()):
        name = variable.removeprefix(PREFIX)
        if name == variable or name.upper() in known | OTHERS or _is_service_link(name, value):
            continue
        near = get_close_matches(name.upper(), known, n=1)
        meant = f"; did you mean {PREFIX}{near[0]}?" if near else ""
        found[variable] = f"{variable} in the environment is no option and is left aside{meant}"
    return found


def _is_service_link(name: str, value: str) -> bool:
    return SERVICE_LINK.fullmatch(name) is not None or value.startswith(("tcp://", "udp://"))
