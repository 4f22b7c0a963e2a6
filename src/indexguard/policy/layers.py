"""Where policy files live, and whether a file there can be trusted: the one door to ``platformdirs`` for policies.

Layers narrow, none loosens: every file found counts, and one that others may write stops pip.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from .._vendor import platformdirs
from ..errors import POLICY_MISSING, Fault, PolicyError
from ..tuples import NamedTuple
from .model import Layer
from .reader import read_policy
from .trust import VARIABLE, NotSearchableError, Trust, read_trusted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LAYER_KINDS = ("machine", "interpreter", "user", "environment")
"""The places, in the order in which they are looked at."""

NOT_SEARCHABLE = "absent: this user may not search a folder above it"
"""The state of a user's place where HOME is not this user's: nobody can tell what is there."""
_OF_ALL_USERS = ("machine", "interpreter")
"""The layers in which audit mode touches the rule for "no policy at all"."""

_FILE = "policy.toml"


class Place(NamedTuple):
    """One place that was looked at."""

    kind: str
    """One of ``LAYER_KINDS``."""
    path: str | None
    """None where the place cannot be told: an unset variable, a user without a home."""
    state: str
    """``loaded``, ``absent``, ``NOT_SEARCHABLE``, ``unset``, ``no home``, the code of its fault, or ``same file as`` and
    the kind that it was read for."""


class LayersFound(NamedTuple):
    """What ``find_layers`` or ``survey_layers`` saw."""

    places: tuple[Place, ...]
    """One for each of ``LAYER_KINDS``, in that order; two of the interpreter where PYTHONHOME names another folder."""
    layers: tuple[Layer, ...]
    """The files read, in the same order."""
    faults: tuple[PolicyError, ...] = ()
    """What is wrong with the files that cannot be used, in the same order."""

    @property
    def builtin_rule_applies(self) -> bool:
        """Whether the rule for "no policy at all" is enforced: no layer that enforces has an opinion on names.

        A layer of the machine or the interpreter in audit mode has it only logged; one of the user or the environment
        does not touch it.
        """
        return not self._is_decided and not self._is_audited

    @property
    def builtin_rule_audited(self) -> bool:
        """Whether that rule is only logged."""
        return not self._is_decided and self._is_audited

    @property
    def only_audits(self) -> bool:
        """Whether there is a policy in audit mode, and none that enforces says which index a name belongs to."""
        return not self._is_decided and any(not layer.enforces for layer in self.layers)

    @property
    def vital_places(self) -> tuple[str, ...]:
        """The folders and files that policies are read from, or would be, what may stand beside them, and what they name.

        That is certificates, the sources of advisories and lists of names.
        """
        folders = [os.path.dirname(it.path) for it in self.places if it.path is not None and it.kind != "environment"]
        named = [it.path for it in self.places if it.path is not None and it.kind == "environment"]
        beside = [os.path.join(os.path.dirname(path), "policy.d") for path in named]
        layers = [(os.path.dirname(layer.path), index.ca) for layer in self.layers for index in layer.policy.indexes]
        certificates = [os.path.join(folder, ca) for folder, ca in layers if ca is not None]
        settings = [(it.path, it.policy.typosquat) for it in self.layers if it.policy.typosquat is not None]
        lists = [os.path.join(os.path.dirname(path), it.names_file) for path, it in settings if it.names_file]
        records = [it for layer in self.layers if layer.policy.advisories for it in layer.policy.advisories.places]
        return (*folders, *named, *beside, *certificates, *records, *lists)

    @property
    def _is_decided(self) -> bool:
        return any(layer.policy.indexes and layer.enforces for layer in self.layers)

    @property
    def _is_audited(self) -> bool:
        return any(layer.kind in _OF_ALL_USERS and not layer.enforces for layer in self.layers)

    @property
    def has_owners(self) -> bool:
        """Whether a layer says which index a name belongs to, and is not one in audit mode that a user put there."""
        return any(layer.policy.indexes and (layer.enforces or layer.kind in _OF_ALL_USERS) for layer in self.layers)


def machine_policy_path(platform: str = sys.platform) -> str:
    """Return the path of the machine's policy file: fixed, so that no environment variable can move it.

    :param platform: as ``sys.platform``.
    """
    if platform == "win32":
        return rf"C:\ProgramData\indexguard\{_FILE}"
    if platform == "darwin":
        return f"/Library/Application Support/indexguard/{_FILE}"
    return f"/etc/indexguard/{_FILE}"


def interpreter_policy_path(base_prefix: str = sys.base_prefix) -> str:
    """Return the path of the interpreter's policy file; all its virtual environments share it."""
    return os.path.join(base_prefix, "etc", "indexguard", _FILE)


def user_policy_path() -> str | None:
    """Return the path of the user's policy file; None for a user without a home (HOME unset, no passwd entry)."""
    path = platformdirs.user_config_path("indexguard", appauthor=False) / _FILE
    return str(path) if path.is_absolute() else None


def account_folder() -> Path | None:
    """Return the folder that ``activate --user`` puts the guard into; None for a user without a home."""
    path = platformdirs.user_data_path("indexguard", appauthor=False) / "hook"
    return path if path.is_absolute() else None


def find_layers(
    environ: Mapping[str, str] = os.environ,
    *,
    euid: int | None = None,
    machine_path: str | None = None,
    base_prefix: str = sys.base_prefix,
    user_path: str | None = None,
) -> LayersFound:
    """Read the policy file of every layer that has one.

    A file that two places lead to counts once, for the first of them. Everything but ``environ`` is for tests.

    :param euid: the current user; by default the process's.
    :param machine_path: the machine's policy file.
    :param base_prefix: the interpreter's folder; its owner is trusted.
    :param user_path: the user's policy file.
    :raises PolicyError: a file is there and cannot be read, cannot be trusted or has faults; or the one that
        ``INDEXGUARD_POLICY`` names is not there.
    """
    found = survey_layers(environ, euid=euid, machine_path=machine_path, base_prefix=base_prefix, user_path=user_path)
    if found.faults:
        raise found.faults[0]
    return found


def find_requirement() -> str | None:
    """Return the file that makes a missing policy a refusal (``indexguard activate --require-policy``), if there is one.

    It lies in the standard library's private folder, where it counts for whatever copy of the guard runs, or in the one
    that this copy was started from.
    """
    library = os.path.dirname(os.path.abspath(os.__file__))
    release = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    private = os.path.dirname(os.path.realpath(release))
    for folder in (os.path.join(library, "_indexguard"), private):
        path = os.path.join(folder, "require-policy")
        if os.path.lexists(path):
            return path
    return None


def _find_missing(found: LayersFound, machine_path: str) -> list[PolicyError]:
    """Return the fault of a place where a policy is required and none says which index a name belongs to."""
    requirement = find_requirement()
    if requirement is None or found.faults or found.has_owners:
        return []
    reason = f"no policy says which index a name belongs to, and {requirement} demands one"
    return [PolicyError(machine_path, [Fault("", reason)], POLICY_MISSING)]


def survey_layers(
    environ: Mapping[str, str] = os.environ,
    *,
    euid: int | None = None,
    machine_path: str | None = None,
    base_prefix: str = sys.base_prefix,
    user_path: str | None = None,
) -> LayersFound:
    """As ``find_layers``, for those who only look: what cannot be used stands in ``faults``. Never raises PolicyError."""
    trust = Trust.of(euid, base_prefix)
    paths = [
        ("machine", machine_path or machine_policy_path()),
        ("interpreter", interpreter_policy_path(base_prefix)),
        ("user", user_path or user_policy_path()),
        ("environment", environ.get(VARIABLE) or None),
    ]
    places = []
    layers: list[Layer] = []
    faults = []
    seen: dict[tuple[int, int], str] = {}
    if environ.get("PYTHONHOME") and not sys.flags.ignore_environment:
        try:
            from .home import find_home  # noqa: PLC0415  # few set the variable

            home = find_home(environ, interpreter_policy_path())
        except PolicyError as error:
            faults.append(error)
        else:
            if home not in (None, base_prefix):
                paths.insert(2, ("interpreter", interpreter_policy_path(home)))
    for kind, path in paths:
        try:
            state, layer = _look_at(kind, path, trust, seen)
            layers += [] if layer is None else [layer]
        except PolicyError as error:
            state = error.code
            faults.append(error)
        places.append(Place(kind, path, state))
    if any(layer.certificates for layer in layers):
        from .sections import find_conflicts  # noqa: PLC0415  # few policies have certificates

        faults += find_conflicts(layers)
    read = LayersFound(tuple(places), tuple(layers), tuple(faults))
    return read._replace(faults=(*faults, *_find_missing(read, machine_path or machine_policy_path())))


def _look_at(
    kind: str, path: str | None, trust: Trust | None, seen: dict[tuple[int, int], str]
) -> tuple[str, Layer | None]:
    """Return the state of one place, and its layer where it has a file that no place before it led to.

    :raises PolicyError: it cannot be used.
    """
    if path is None:
        return ("unset" if kind == "environment" else "no home"), None
    try:
        found = read_trusted(path, trust, kind=kind)
    except NotSearchableError:
        return NOT_SEARCHABLE, None
    if found is None:
        return "absent", None
    if found.file in seen:
        return f"same file as {seen[found.file]}", None
    seen[found.file] = kind
    digest = hashlib.sha256(found.content).hexdigest()
    policy = read_policy(found.content, path)
    if policy.advisories is not None:
        policy.advisories.check_sources(path, trust, kind)
    if policy.typosquat is not None and policy.typosquat.names_file is not None:
        from .serving.typosquat import read_names  # noqa: PLC0415  # few policies have a list of their own

        policy = replace(policy, typosquat=read_names(policy.typosquat, path, kind, trust))
    if all(index.ca is None for index in policy.indexes):
        return "loaded", Layer(kind, path, digest, policy)
    from .sections import read_certificates  # noqa: PLC0415  # few policies have certificates

    return "loaded", Layer(kind, path, digest, policy, read_certificates(policy, kind, trust))
