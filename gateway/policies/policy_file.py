"""Reads a folder of policies: every *.yaml in it, strictly, each finding with file and line. Touches that folder only.

`masks.yaml`, `roles.yaml` and `claims.yaml` declare what rules may name; every other file is a list of rules. What is
not understood is refused: an obligation that is skipped would fail open.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path as FilePath
from typing import Any, get_args

from gateway.access.claims import KNOWN_TYPES, NAME, ClaimType, claim_type
from gateway.document import DocumentError, Documents, Finding, Path, Report, read
from gateway.policies import agreements, masks, policy_delegate, policy_limit, policy_manage
from gateway.policies.agreements import FOLDER, Agreement
from gateway.policies.policy_rules import (
    ALL,
    Declassified,
    Delegation,
    Deny,
    Effect,
    Grant,
    Hide,
    Limit,
    Management,
    Masked,
    Policies,
    PolicyError,
    Restrict,
    Rule,
    Target,
    Used,
)
from gateway.policies.policy_who import Vocabulary, who
from gateway.principal import Action
from gateway.product import CLASSES

AnyRule = Rule | Delegation | Limit | Management
CLAIMS, ROLES = "claims.yaml", "roles.yaml"
_DECLARING = {masks.FILE, CLAIMS, ROLES}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,2}")
_EFFECTS = ("grant", "restrict", "mask", "hide", "use", "declassify", "deny")
_RULE_KEYS = {"id", "on", "to", "unless", "uses", "description", *_EFFECTS}
# casbin's role manager stops at ten links without a word (pycasbin 2.8, RoleManager.max_hierarchy_level).
ROLE_DEPTH = 8
ELSEWHERE = {
    "agreement": "a product asks for agreements, not a rule",
    "requires": "a product asks for agreements, not a rule",
}


def read_folder(folder: FilePath) -> tuple[Policies, Report]:
    """The rules in `folder` that can be read, and what is wrong with the rest: with an error, none may be used.

    Raises PolicyError if there is no folder.
    """
    documents, agreed = Documents({}), Documents({})
    report = Report(documents)
    digest = hashlib.sha256()
    try:
        paths = sorted(path for path in folder.iterdir() if _is_policy(path))
        if (folder / FOLDER).exists():
            paths += sorted(path for path in (folder / FOLDER).iterdir() if _is_policy(path))
    except OSError as error:
        problem = Finding(folder.name, 0, "", "the folder of policies cannot be read", "a folder of *.yaml files")
        raise PolicyError((problem,)) from error
    for path in paths:
        name = str(path.relative_to(folder))
        try:
            text = path.read_text(encoding="utf-8")
            digest.update(f"{name}\n{len(text)}\n{text}".encode())
            kept = documents if path.parent == folder else agreed
            kept[name], documents.lines[name] = read(name, text)
        except DocumentError as error:
            report.findings.append(error.finding)
        except (OSError, UnicodeError):
            report.error(name, (), "the file cannot be read", "UTF-8 text")
    return _policies(documents, agreements.read(agreed, report), report, digest.hexdigest()[:16]), report


def _is_policy(path: FilePath) -> bool:
    return path.suffix in {".yaml", ".yml"} and not path.name.startswith(".")


def _policies(documents: Documents, agreed: tuple[Agreement, ...], report: Report, version: str) -> Policies:
    found = masks.masks(documents.get(masks.FILE, {}), report)
    claims = _claims(documents.get(CLAIMS, {}), report)
    roles = _roles(documents.get(ROLES, {}), report)
    reader = _RuleReader(report, Vocabulary(report, claims), found)
    rules: dict[str, AnyRule] = {}
    files: dict[str, str] = {}
    for file, document in documents.items():
        if file in _DECLARING:
            continue
        if not isinstance(document, list):
            report.error(file, (), "a list of rules is expected", "- {id: ..., on: ..., to: ..., grant: ...}")
            continue
        for index, body in enumerate(document):
            rule = reader.rule(body, file, (index,))
            if rule is not None and rule.id in rules:
                report.error(file, (index, "id"), f"the id {rule.id} stands twice", f"also in {files[rule.id]}")
            if rule is not None:
                rules.setdefault(rule.id, rule)
                files.setdefault(rule.id, file)
    of_tables = tuple(rule for rule in rules.values() if isinstance(rule, Rule))
    delegations = tuple(rule for rule in rules.values() if isinstance(rule, Delegation))
    limits = tuple(rule for rule in rules.values() if isinstance(rule, Limit))
    managements = tuple(rule for rule in rules.values() if isinstance(rule, Management))
    return Policies(of_tables, found, roles, claims, version, documents, delegations, agreed, limits, managements)


def _claims(document: Any, report: Report) -> dict[str, ClaimType]:
    if not isinstance(document, dict):
        report.error(CLAIMS, (), "claims by name are expected", "store: integer")
        return {}
    found: dict[str, ClaimType] = {}
    for name, declared in document.items():
        kind = claim_type(declared)
        if not NAME.fullmatch(name) or kind is None:
            report.error(CLAIMS, (name,), f"{name} declares no claim", f"a type, or a list of one: {KNOWN_TYPES}")
        else:
            found[name] = kind
    return found


def _roles(document: Any, report: Report) -> dict[str, tuple[str, ...]]:
    """Role -> the roles that it includes."""
    if not isinstance(document, dict):
        report.error(ROLES, (), "roles by name are expected", "senior: [junior]")
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for name, included in document.items():
        items = included if isinstance(included, list) else [included]
        if not all(isinstance(item, str) and item for item in items):
            report.error(ROLES, (name,), f"{name} includes what is no role", "a list of role names")
        else:
            found[name] = tuple(items)
    for name in found:
        if _role_depth(name, found, ()) > ROLE_DEPTH:
            report.error(ROLES, (name,), f"{name} includes itself, or more than {ROLE_DEPTH} levels", "fewer levels")
    return found


def _role_depth(name: str, roles: dict[str, tuple[str, ...]], above: tuple[str, ...]) -> int:
    if name in above or len(above) > ROLE_DEPTH:
        return ROLE_DEPTH + 1
    return max((1 + _role_depth(item, roles, (*above, name)) for item in roles.get(name, ())), default=0)


class _RuleReader:
    """Turns one entry of a rules file into a rule of its kind, or notes why not."""

    def __init__(self, report: Report, vocabulary: Vocabulary, known_masks: dict[str, masks.Mask]) -> None:
        self._report = report
        self._vocabulary = vocabulary
        self._masks = known_masks

    def rule(self, body: Any, file: str, path: Path) -> AnyRule | None:
        """The rule of `body`, None where it is none."""
        before = len(self._report.errors)
        if not isinstance(body, dict):
            self._report.error(file, path, "a rule is a mapping", "{id: ..., on: ..., to: ..., grant: ...}")
            return None
        identifier = body.get("id")
        if not isinstance(identifier, str) or not _ID.fullmatch(identifier):
            self._report.error(file, (*path, "id"), "a rule needs an id", "letters, digits, . _ : and -")
        if policy_delegate.kind_of(body) is not None:
            return policy_delegate.read(str(identifier), body, self._vocabulary, file, path)
        if policy_limit.KEY in body:
            return policy_limit.read(str(identifier), body, self._vocabulary, file, path)
        if policy_manage.right_of(body) is not None:
            target = self._target(body.get("on"), file, (*path, "on"))
            return policy_manage.read(str(identifier), body, target, self._vocabulary, file, path)
        for key in body:
            if key in ELSEWHERE:
                self._report.error(file, (*path, key), ELSEWHERE[key], "agreementRequired: true in its descriptor")
            elif key not in _RULE_KEYS:
                self._report.error(file, (*path, key), f"unknown key {key}", ", ".join(sorted(_RULE_KEYS)))
        target = self._target(body.get("on"), file, (*path, "on"))
        to = who(body.get("to"), self._vocabulary, file, (*path, "to"))
        unless = who(body["unless"], self._vocabulary, file, (*path, "unless")) if "unless" in body else None
        if unless is not None and not (unless.every or unless.none_of):
            self._report.error(file, (*path, "unless"), "unless: {} would switch the rule off", "name whom it spares")
        uses = self._names(body.get("uses", []), file, (*path, "uses"))
        effect = self._effect(body, file, path)
        if len(self._report.errors) > before or target is None or effect is None or to is None:
            return None
        return Rule(str(identifier), target, to, unless, uses, effect, file, path)

    def _target(self, body: Any, file: str, path: Path) -> Target | None:
        if not isinstance(body, dict) or "product" not in body or set(body) - {"product", "version", "table"}:
            self._report.error(file, path, "on: names no product", "on: {product: name, version: '1', table: name}")
            return None
        versions = self._names(body.get("version", ALL), file, (*path, "version"))
        for version in versions:
            if version != ALL and not _VERSION.fullmatch(version):
                self._report.error(file, (*path, "version"), f"{version} is no version", 'such as "1" or "1.2.0"')
        return Target(
            self._names(body["product"], file, (*path, "product")),
            versions,
            self._names(body.get("table", ALL), file, (*path, "table")),
        )

    def _names(self, value: Any, file: str, path: Path) -> tuple[str, ...]:
        """One text or a list of them (whole numbers too, for versions)."""
        items = value if isinstance(value, list) else [value]
        texts = [str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in items]
        if not all(isinstance(text, str) and text for text in texts) or (not texts and path[-1] != "uses"):
            self._report.error(file, path, "a name or a list of names is expected", "quote numbers with a point")
            return ()
        return tuple(str(text) for text in texts)

    def _effect(self, body: dict[str, Any], file: str, path: Path) -> Effect | None:
        named = [key for key in _EFFECTS if key in body]
        if len(named) != 1:
            if not ELSEWHERE.keys() & body.keys():
                self._report.error(file, path, "a rule has one effect", f"one of {', '.join(_EFFECTS)}")
            return None
        name = named[0]
        keys = {
            "grant": ({"columns"}, {"rows", "actions"}),
            "restrict": ({"rows"}, set()),
            "mask": ({"columns", "with"}, {"if", "link"}),
            "hide": ({"columns"}, set()),
            "declassify": ({"columns"}, set()),
            "use": ({"columns", "as"}, {"k", "entity", "measures"}),
            "deny": ({"reason"}, set()),
        }[name]
        value, place = body[name], (*path, name)
        if not isinstance(value, dict) or not keys[0] <= set(value) or set(value) - keys[0] - keys[1]:
            remedy = f"needed: {', '.join(sorted(keys[0]))}; possible: {', '.join(sorted(keys[1])) or 'nothing more'}"
            if isinstance(value, dict) and "measures" in value:
                remedy += (
                    "; measures are granted by use: {columns: [c], as: aggregate, k: 10, entity: e, measures: [m]}"
                )
            self._report.error(file, place, f"{name} is not understood.", remedy)
            return None
        columns = self._columns(value["columns"], file, (*place, "columns")) if "columns" in value else ()
        if name == "grant":
            return Grant(columns, self._text(value, "rows", file, place), self._actions(value, file, place))
        if name == "restrict":
            return Restrict(self._text(value, "rows", file, place) or "")
        if name == "hide":
            return Hide(columns)
        if name == "declassify":
            return self._declassified(body, columns, file, place)
        if name == "use":
            return self._used(value, columns, file, place)
        if name == "deny":
            return Deny(self._text(value, "reason", file, place) or "")
        return self._masked(value, columns, file, place)

    def _declassified(self, body: dict[str, Any], columns: tuple[str, ...], file: str, path: Path) -> Declassified:
        """What a column is classified as is so for everybody, and each column is named."""
        if body.get("to") or "unless" in body or any(name == ALL or ":" in name for name in columns):
            self._report.error(file, path, "declassify names columns, for everybody", "to: {}, columns by name")
        return Declassified(columns)

    def _used(self, value: dict[str, Any], columns: tuple[str, ...], file: str, path: Path) -> Used | None:
        kind, least, entity = value["as"], value.get("k"), value.get("entity")
        named = self._names(value["measures"], file, (*path, "measures")) if "measures" in value else ()
        if kind == "join" and least is None and entity is None and "measures" not in value:
            return Used(columns, "join", 0, "")
        counts = isinstance(least, int) and not isinstance(least, bool) and least > 1
        if kind == "aggregate" and counts and isinstance(least, int) and isinstance(entity, str) and entity:
            return Used(columns, "aggregate", least, entity, named)
        remedy = "{as: aggregate, k: 10, entity: column, measures: [m]}, k from 2, or {as: join}"
        self._report.error(file, path, "use is not understood", remedy)
        return None

    def _masked(self, value: dict[str, Any], columns: tuple[str, ...], file: str, path: Path) -> Masked | None:
        name = "null" if value["with"] is None else value["with"]
        if name != masks.HASH and name not in self._masks:
            known = ", ".join(sorted({*self._masks, masks.HASH}))
            self._report.error(file, (*path, "with"), f"there is no mask {name}", known)
            return None
        link = self._text(value, "link", file, path)
        if link is not None and (name != masks.HASH or not NAME.fullmatch(link)):
            self._report.error(file, (*path, "link"), "link: names a hash's common domain", "link: retail")
        return Masked(columns, name, self._text(value, "if", file, path), link)

    def _text(self, value: dict[str, Any], key: str, file: str, path: Path) -> str | None:
        if key not in value:
            return None
        if not isinstance(value[key], str) or not value[key].strip():
            self._report.error(file, (*path, key), f"{key} is a text", "quote it")
            return None
        return str(value[key])

    def _columns(self, value: Any, file: str, path: Path) -> tuple[str, ...]:
        names = self._names(value, file, path)
        for name in names:
            if name.startswith("class:") and name.removeprefix("class:") not in CLASSES:
                self._report.error(file, path, f"{name} is no class", ", ".join(CLASSES))
        return names

    def _actions(self, value: dict[str, Any], file: str, path: Path) -> tuple[Action, ...]:
        known: tuple[Action, ...] = get_args(Action)
        names = self._names(value.get("actions", list(known)), file, (*path, "actions"))
        if set(names) - set(known):
            self._report.error(file, (*path, "actions"), "unknown action", ", ".join(known))
        return tuple(action for action in known if action in names)
