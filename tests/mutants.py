# ruff: noqa: E501  (a guard is quoted as it stands, on its one line)
"""The mutation run: each guard is removed in turn, and some test must fail. `python -m tests.mutants [NAME]`.

Works on a copy of the sources in a temporary folder; prints one line a guard and exits 1 if a removal went unnoticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIED = ("gateway", "ports", "policies", "products", "tests", "pyproject.toml")
ROOMS = ("tests/gateway/test_tree.py", "tests/gateway/test_bind.py", "tests/gateway/test_forms.py")
WEIGHT = ("tests/gateway/test_weight.py",)
FLIGHT = ("tests/ports/flight/test_tickets.py", "tests/ports/flight/test_cancelling.py")
LINEAGE = ("tests/gateway/test_lineage.py",)
PROJECTIONS = ("tests/test_projections.py", "tests/gateway/test_projection_desk.py")
USE = ("tests/test_use.py", "tests/test_policy_table.py")
IDENTITY = ("tests/gateway/test_identity.py", "tests/gateway/test_sasl.py")
TOKENS = ("tests/gateway/test_oidc.py", "tests/ports/test_tokens.py")
SCOPES = ("tests/ports/test_scopes.py",)
GAPS = ("tests/test_gaps.py",)
BEHALF = ("tests/test_delegation.py", "tests/gateway/test_policy_delegate.py", "tests/gateway/test_policy_meaning.py")
SIMULATION = ("tests/test_simulation.py",)
AGREEMENTS = ("tests/test_agreements.py",)
CHAIN = ("tests/gateway/test_audit_verify.py", "tests/gateway/test_audit.py")
GUESSES = ("tests/gateway/test_rate.py", "tests/gateway/test_siblings.py")
LIMITS = (
    "tests/test_limits.py",
    "tests/gateway/test_limits.py",
    "tests/gateway/test_cost.py",
    "tests/gateway/test_engine.py",
)
LEAKS = ("tests/gateway/test_bind.py", "tests/gateway/test_leaks.py")
DOUBTS = ("tests/ports/command/test_policies.py", "tests/gateway/test_policy_outcomes.py")
GRAPHQL = (
    "tests/ports/graphql/test_requests.py",
    "tests/ports/graphql/test_questions.py",
    "tests/ports/graphql/test_subscriptions.py",
)
PUSHES = ("tests/ports/rest/test_pushes.py",)
ARROW_BODIES = ("tests/gateway/test_arrow_bodies.py",)
OWN_ROWS = ("tests/gateway/test_own_rows.py",)
QUALITY = ("tests/ports/rest/test_quality.py",)
SLO = ("tests/gateway/test_slo.py",)
ALERTS = ("tests/gateway/test_alerts.py",)
QUARANTINE = ("tests/gateway/test_quarantine.py", "tests/gateway/test_arriving.py", "tests/ports/rest/test_pushes.py")
ERASE = ("tests/gateway/test_erase.py",)
WORKSPACES = ("tests/test_workspaces.py",)
ISSUERS = ("tests/ports/hub/test_issuers.py",)
HOSTS = ("tests/ports/hub/test_hosts.py",)
PUSHES_SHOWN = ("tests/gateway/test_contract.py", "tests/ports/rest/test_pushes.py")
WORLD = ("tests/test_no_way_round.py", "tests/test_one_truth.py")


@dataclass(frozen=True)
class Mutant:
    """One guard and what stands in its place once it is gone; `tests` are those that ought to notice."""

    name: str
    file: str
    guard: str
    removed: str
    tests: tuple[str, ...] = ROOMS


MUTANTS = (
    Mutant("rules told to managers", "gateway/publication/production.py", "replace(one, policy=True) for one", "one for one", ("tests/ports/rest/test_lifecycle.py",)),
    Mutant("workspaces that are seen", "gateway/desks/workspace_desk.py", "sees(session, pin, of) and ", "", ("tests/test_workspaces.py",)),
    Mutant("changes of a hidden table", "gateway/desks/product_desk.py", " and (one.what in _OF_PRODUCT or _UNBOUND in one.what)", "", ("tests/ports/hub/test_use.py",)),
    Mutant("forms of this page", "ports/http/kept_login.py", "not _own(request) or ", "", ("tests/ports/command/test_attack_places.py",)),
    Mutant("node shapes", "gateway/sql/tree.py", "if shape is not None and shape >= set(node):", "if True:"),
    Mutant("unknown clauses", "gateway/sql/tree.py", "elif frozenset(node) not in grammar.PARTS:", "elif False:"),
    Mutant("function list", "gateway/sql/tree.py", "if name not in allowed and not (", "if False and not ("),
    Mutant(
        "unqualified functions", "gateway/sql/tree.py", "if len(path) != 1 or node[\"schema\"] or node[\"catalog\"] or path[0]",
        "if False and path[0]",
    ),
    Mutant("table function list", "gateway/sql/tree.py", "if name not in allowance.table_functions:", "if False:"),
    Mutant("type list", "gateway/sql/tree.py", "or name not in grammar.TYPES:", "and False:"),
    Mutant("constant ESCAPE", "gateway/sql/tree.py", "    if name in grammar.ESCAPES:\n        _check_escape(node)", "    pass", WORLD),
    Mutant("system samples", "gateway/sql/tree.py", "not in grammar.SAMPLE_METHODS:", "in ():"),
    Mutant("time travel", "gateway/sql/tree.py", 'if node["at_clause"] is not None:', "if False:"),
    Mutant("USING KEY", "gateway/sql/tree.py", 'if node["key_targets"]:', "if False:"),
    Mutant("list length", "gateway/sql/tree.py", 'if len(node["children"]) > LIST_LIMIT:', "if False:"),
    Mutant("sizes", "gateway/sql/growth.py", "    if bound.size > SIZE_LIMIT:", "    if False:", WEIGHT),
    Mutant("steps of a row", "gateway/sql/growth.py", "    if bound.work > WORK_LIMIT:", "    if False:", WEIGHT),
    Mutant("parts to plan", "gateway/sql/budget.py", "        if parts > PARTS_LIMIT:", "        if False:", WEIGHT),
    Mutant("recursion", "gateway/sql/weight.py", "        if sizes[-1] - sizes[half] > sizes[half] - sizes[0]:", "        if False:", WEIGHT),
    Mutant("constant counts", "gateway/sql/tree.py", "if not isinstance(size, int) or size > LIST_LIMIT:", "if False:"),
    Mutant("series", "gateway/sql/series.py", "    if size > SERIES_LIMIT:", "    if False:", WEIGHT),
    Mutant("text length", "gateway/sql/duck.py", "if len(text) > tree.TEXT_LIMIT:", "if False:"),
    Mutant("bracket nesting", "gateway/sql/duck.py", "if _nesting(text) > _NESTING:", "if False:"),
    Mutant("one statement", "gateway/sql/duck.py", "if len(statements) != 1:", "if not statements:"),
    Mutant(
        "CTE scope", "gateway/sql/scope.py", "        if body.get(\"type\") == \"RECURSIVE_CTE_NODE\":",
        "        visible[name.lower()] = private\n        if body.get(\"type\") == \"RECURSIVE_CTE_NODE\":",
    ),
    Mutant("resolution", "gateway/sql/scope.py", "        replacement = target(path, position(node))", "        replacement = path"),
    Mutant("second check", "gateway/binding/bind.py", "if path not in views and not (", "if False and not ("),
    Mutant("row filter", "gateway/binding/views.py", "if decision.rows is not None else", "if False else"),
    Mutant("hidden columns", "gateway/binding/views.py", "for name in decision.visible}", "for name in decision.treatments}"),
    Mutant("plan cache key", "gateway/binding/bind.py", "    return (query.text, query.part, query.dialect, query.beside, asker, decisions)", "    return (query.text,)"),
    Mutant("bytes under NULL", "gateway/serving/stream.py", "return forms.zero_nulls(batch)", "return batch"),
    Mutant("session names", "gateway/sql/scope.py", "if value is None or place is None or", "if True or"),
    Mutant("declared doors", "gateway/reach/grants.py", "if session.port not in _INNER_PORTS and not product.serves(session.port):", "if False:", WORLD),
    Mutant("expired credentials", "gateway/pipeline.py", "if time.time() >= session.principal.valid_until:", "if False:", WORLD),
    Mutant("granted purposes", "gateway/pipeline.py", "if purpose is not None and not all(", "if False and not all(", WORLD),
    Mutant("same words", "gateway/reach/grants.py", 'raise unknown_relation(".".join(path))', 'raise unknown_relation(".".join(path) + "!" * any(pin.deployment.find(schema) for schema, _ in candidates))', WORLD),
    Mutant("engine text", "gateway/sql/duck_errors.py", "return logged(BadQuery(words, reason=reason), error)", "return BadQuery(message)", WORLD),
    Mutant("whose signature", "gateway/access/oidc.py", "signer = next((one for one in fitting if token.signed_by(one.key, token.algorithm)), None)", "signer = next(iter(fitting), None)", TOKENS),
    Mutant("claims that are read now", "gateway/access/oidc.py", "if reads != _reading(issuer):", "if False:", TOKENS),
    Mutant("sessions that have ended", "gateway/desks/signed_out.py", "return self._until is None or session in self._until", "return self._until is not None and session in self._until", ("tests/gateway/test_signed_out.py",)),
    Mutant("rows of columns for use", "gateway/desks/stewardship.py", " and not decision.uses and", " and", ("tests/ports/rest/test_bundles.py",)),
    Mutant("versions that are managed", "gateway/desks/stewardship.py", "declared = [one for one in every if self._managers.rule(session, one.product)]", "declared = every", ("tests/ports/rest/test_bundles.py",)),
    Mutant("whose audience", "gateway/access/oidc.py", "not set(named) & set(issuer.audience):", "False:", TOKENS),
    Mutant("headers that bring keys", "gateway/access/jose.py", "if _REFUSED & header.keys():", "if False:", TOKENS),
    Mutant("the scope of a key", "gateway/reach/grants.py", "if not session.principal.scope.reaches(session.port, product.name):", "if False:", SCOPES),
    Mutant("who is barred", "gateway/access/identity.py", "if principal.subject in register.barred:", "if False:", IDENTITY),
    Mutant("a hidden offer", "gateway/access/sasl.py", 'if flag == b"y" and binding.end_point is not None:', "if False:", IDENTITY),
    Mutant("tickets of others", "ports/flight/tickets.py", "if (statement.subject, statement.behalf) != _owner(session):", "if False:", FLIGHT),
    Mutant("tickets that ended", "ports/flight/tickets.py", "if statement.expires < time.time():", "if False:", FLIGHT),
    Mutant("promised schema", "ports/flight/streams.py", "if digest(told) != asked.promise:", "if False:", FLIGHT),
    Mutant("cancelled flights", "ports/flight/running.py", "if flight in self._cancelled:", "if False:", FLIGHT),
    Mutant("NULLs of masks", "gateway/binding/lineage.py", 'sameness(decision, name) == "raw" and', "True and", LINEAGE),
    Mutant("NULLs of joins", "gateway/binding/lineage.py", " and not nulls", "", LINEAGE),
    Mutant("used columns", "gateway/decision.py", "for name in self.known if name not in self.uses)", "for name in self.known)", USE),
    Mutant("enough entities", "gateway/binding/use_rewrite.py", ">= {least}", ">= 0", USE),
    Mutant("entities with a value", "gateway/binding/use_rewrite.py", " FILTER (WHERE {table}.{column} IS NOT NULL)", "", USE),
    Mutant("one aggregating block", "gateway/binding/use.py", "if len(grains) > 1:", "if False:", USE),
    Mutant("private names", "gateway/binding/use_names.py", 'if any(part.startswith("$") for part in (first, *rest)):', "if False:", USE),
    Mutant("rows as values", "gateway/binding/use_names.py", "if named is None and not rest and first in self.given:", "if not rest:", USE),
    Mutant("beside used columns", "gateway/binding/use_block.py", 'if node.get("class") in _REFUSED:', "if False:", USE),
    Mutant("stars beside used columns", "gateway/binding/use_block.py", 'if node.get("class") == "STAR" and not _plain_star(node, block):', "if False:", USE),
    Mutant("aggregates as they are", "gateway/binding/use_block.py", "why = _misuse(node, found, altered=altered)", 'why = ""', USE),
    Mutant("sets of groups", "gateway/binding/use_block.py", "if sets not in (", "if False and sets not in (", USE),
    Mutant("repeated rows", "gateway/binding/use_block.py", "if use_joins.reached(root, self._edges) != set(self.relations):", "if False:", USE),
    Mutant("entities told apart", "gateway/binding/use_block.py", "if one.found.name in telling.get(one.found.relation, ()):", "if False:", USE),
    Mutant("declared joins", "gateway/binding/use_joins.py", "if frozenset(zip(declared.columns, declared.to_columns, strict=True)) == names:", "if True:", USE),
    Mutant("columns of both", "gateway/policies/obligations.py", "frozenset.intersection(*each)", "frozenset.union(*each)", BEHALF),
    Mutant("rows of both", "gateway/policies/obligations.py", "for term in (granted, *restrictions) if term is not None]", "for term in (granted, *restrictions) if term is not None][:1]", BEHALF),
    Mutant("whom one may ask for", "gateway/desks/delegation.py", "if _permitted(both, policies, port, purpose) and known:", "if known:", BEHALF),
    Mutant("unknown ones like the others", "gateway/desks/delegation.py", "if _permitted(both, policies, port, purpose) and known:", "if _permitted(both, policies, port, purpose):", SIMULATION),
    Mutant("delegations that end", "gateway/desks/delegation.py", "if behalf != principal.behalf or not _permitted(", "if False and not _permitted(", BEHALF),
    Mutant("whom one may simulate", "gateway/desks/stewards.py", "or not pin.policies.permit(both, environment) or not known", "or not known", SIMULATION),
    Mutant("scopes of stewards", "gateway/desks/stewards.py", "    if not scope.reaches(session.port, supposed.product.lower()):", "    if False:", SIMULATION),
    Mutant("delegation is no simulation", "gateway/policies/policy_delegate.py", "if one.kind == kind and permits(", "if permits(", SIMULATION),
    Mutant("agreements that ended", "gateway/policies/agreements.py", 'if agreement.state(environment.now) == "in force" and agreement.covers(', "if agreement.covers(", AGREEMENTS),
    Mutant("purposes of agreements", "gateway/policies/agreements.py", "and (not self.purposes or any(one in self.purposes for one in asker.values(\"purpose\")))", "", AGREEMENTS),
    Mutant("agreements asked for", "gateway/policies/policy.py", "if not product.agreement_required and (product.name, product.major) not in self._asking:", "if True:", AGREEMENTS),
    Mutant("kept snapshots ask too", "gateway/policies/policy.py", "if not product.agreement_required and (product.name, product.major) not in self._asking:", "if not product.agreement_required:", AGREEMENTS),
    Mutant("seals of lines", "gateway/accounting/audit_chain.py", "return hmac.compare_digest(seal.of(self.text), self.seal)", "return True", CHAIN),
    Mutant("the line before", "gateway/accounting/audit_verify.py", "elif seq == chain.seq + 1 and line.previous != chain.seal:", "elif False:", CHAIN),
    Mutant("records before rows", "gateway/serving/stream.py", "if self._first is None and batch.num_rows:", "if False:", CHAIN),
    Mutant("half a record", "gateway/accounting/audit.py", "            self._torn = True\n            os.ftruncate(self._descriptor, self._size)\n            self._torn = False\n", "", CHAIN),
    Mutant("guesses at passwords", "gateway/desks/sign_in.py", "        with self._guesses.guessed(port, credentials.subject, None):\n            return", "        return", GUESSES),
    Mutant("what others have taken", "gateway/access/rate.py", "level + (now - since) * self._per_s) - count", "level + (now - since) * self._per_s)", GUESSES),
    Mutant("cost of a query", "gateway/reach/fences.py", "if limits.cost is not None and plan.estimate.rows > limits.cost:", "if False:", LIMITS),
    Mutant("budgets", "gateway/reach/fences.py", "        if spaces or limits.queries is not None or limits.budget_s is not None:", "        if False:", LIMITS),
    Mutant("rows of an answer", "gateway/serving/stream.py", "if self._limits.rows is not None and self._rows > self._limits.rows:", "if False:", LIMITS),
    Mutant("bytes of an answer", "gateway/serving/stream.py", "if self._limits.bytes is not None and self._bytes > self._limits.bytes:", "if False:", LIMITS),
    Mutant("limits never widen", "gateway/limits.py", "for each in every) if one is not None), default=None", "for each in every[1:]) if one is not None), default=None", LIMITS),
    Mutant("filters that join", "gateway/binding/views.py", "secure = joins or not barrier.scanned(decision.rows, table) or grant", "secure = grant", LEAKS),
    Mutant("pages are weighed", "gateway/binding/bind.py", "texts, beside=plan.beside, estimate=plan.estimate)", "texts, beside=plan.beside)", LIMITS),
    Mutant("scopes of products", "gateway/principal.py", "return self.enters(port) and (self.products is None or product in self.products)", "return self.enters(port)", SCOPES),
    Mutant("scopes of actions", "gateway/reach/grants.py", "    if not scope.allows(action):", "    if False:", SCOPES),
    Mutant("keys that expired", "gateway/access/identity.py", "or key.expires <= time.time():", "or False:", IDENTITY),
    Mutant("free words in conditions", "gateway/policies/policy_outcomes.py", "for name in cases.free.values()]", "for name in ()]", DOUBTS),
    Mutant("kinds of joins", "gateway/binding/use_block.py", 'if join["ref_type"] not in {"REGULAR", "CROSS"}:', "if False:", USE),
    Mutant("policies of now", "gateway/reach/standing.py", "is not watched.pin.policies:", "is None:", GAPS),
    Mutant("rows that wait", "ports/postgres/portals.py", "            self._result.permitted()\n", "", GAPS),
    Mutant("cursors of others", "ports/http/cursor.py", "if owned != owned_by:", "if False:", GRAPHQL),
    Mutant("names that are near", "ports/graphql/documents.py", "hide_suggestions=True", "hide_suggestions=False", WORLD),
    Mutant("references to what is used", "ports/graphql/shape.py", "return set(one.columns) <= own and set(one.to_columns) <= there", "return far is not None", USE),
    Mutant("levels of a document", "ports/graphql/selection.py", "if depth > self.bounds.depth:", "if False:", GRAPHQL),
    Mutant("rows of a document", "ports/graphql/selection.py", "if self._cost > self.bounds.cost:", "if False:", GRAPHQL),
    Mutant("aliases of a document", "ports/graphql/documents.py", "if aliases > allowed:", "if False:", GRAPHQL),
    Mutant("sockets of other pages", "ports/graphql/sockets.py", "            origin is None\n", "            True\n", GRAPHQL),
    Mutant("half of the sockets", "ports/graphql/sockets.py", "if 2 * self._principals[subject] >= self._gateway.settings.graphql_sockets:", "if False:", GRAPHQL),
    Mutant("sockets that ended", "ports/graphql/sockets.py", "        self._gateway.stands(session)\n        self._gateway.schemas(session, self._gateway.pin(session))", "        pass", ("tests/ports/graphql/test_subscriptions.py",)),
    Mutant("subscriptions that ended", "ports/graphql/publications.py", 'raise NotFound("the permission for this subscription has ended", reason="expired")', "return self._last", ("tests/test_gaps_graphql.py",)),
    Mutant("statements as requests", "ports/postgres/question.py", "        gateway.asked_again(self._session)\n", "", ("tests/ports/postgres/test_quota.py",)),
    Mutant("breaks that no version tells of", "gateway/publication/breaks.py", "if found and permit is None:", "if False:", ("tests/gateway/test_publish.py",)),
    Mutant("allowed breaks on record", "gateway/publication/publish.py", "                breaks.recorded(terms.settings, terms.permit, new.broken, new.snapshot)", "                pass", ("tests/gateway/test_publish.py",)),
    Mutant("mocks over real rows", "gateway/publication/production.py", "if mock is not None and served is not None and served.mock is None:", "if False:", ("tests/gateway/test_mock.py",)),
    Mutant("calls past the front", "ports/flight/front.py", 'found = self._open.get(unquote(peer.removeprefix("unix:")))', "found = next(iter(self._open.values()), None)", ("tests/ports/flight/test_front.py",)),
    Mutant("sessions resumed", "gateway/access/tls.py", "if current.verify_mode is ssl.CERT_REQUIRED and begun is not None and begun <= self._since:", "if False:", ("tests/ports/test_tls.py",)),
    Mutant("feedback of others", "gateway/desks/feedback.py", " if shown(writers.get(one.answers or one.id, one.subject))]", "]", ("tests/ports/mcp/test_feedback.py",)),
    Mutant("sessions of other agents", "ports/mcp/sessions.py", "return str(number) if subjects == _subjects(session) else None", "return str(number)", ("tests/ports/mcp/test_http.py", "tests/ports/mcp/test_cancelling.py")),
    Mutant("notes that name what is hidden", "ports/mcp/context.py", "return not projection.words(text) & set(hidden)", "return True", ("tests/ports/mcp/test_context.py",)),
    Mutant("refusals on record", "gateway/desks/refusals.py", "                self.keep(session, text, known)", "                pass", ("tests/test_on_record.py",)),
    Mutant("measures over used columns", "gateway/contracts/visibility.py", "allowed = (raw - unnamed) | set(found)", "allowed = raw | set(found)", ("tests/gateway/test_visible_measures.py", *USE)),
    Mutant("rights to manage", "gateway/reach/managers.py", "if not self.rule(session, visible.product):", "if False:", ("tests/test_managers.py",)),
    Mutant("managing on another's behalf", "gateway/policies/policy.py", "if principal.behalf is not None or environment.now >= principal.valid_until:", "if environment.now >= principal.valid_until:", ("tests/test_managers.py",)),
    Mutant("managing by a key for less", "gateway/reach/managers.py", "scope.actions is not None or ", "", ("tests/test_managers.py",)),
    Mutant("guesses from one address", "gateway/access/guesses.py", "        self._alone.take(port, name)\n", "", GUESSES),
    Mutant("whom a projection is shown to", "gateway/reach/grants.py", "if not shown_to(snapshot.declared, session.principal, pin.policies):", "if False:", PROJECTIONS),
    Mutant("a grain's dimensions", "gateway/reach/projected.py", "if (one.name in decision.visible if one.name in stored else", "if (True if one.name in stored else", PROJECTIONS),
    Mutant("an entity under another name", "gateway/reach/projected.py", '(shown.get(name, f"{of}.{name}"), least)', '(f"{of}.{name}", least)', PROJECTIONS),
    Mutant("what a definer sees", "gateway/desks/projections.py", "if one.name not in decision.known:", "if False:", PROJECTIONS),
    Mutant("a definer's name space", "gateway/desks/projections.py", 'if declared.name != space and not declared.name.startswith(f"{space}_"):', "if False:", PROJECTIONS),
    Mutant("a definition is its owner's", "gateway/desks/projections.py", "if not owns(self._session, self._pin, declared):", "if False:", PROJECTIONS),
    Mutant("rights to push", "gateway/pipeline.py", 'Managers("push", self.product', 'Managers("manage", self.product', PUSHES),
    Mutant("pages of others that change", "ports/rest/address.py", "if cors.foreign(request, gateway.settings.origins):", "if False:", PUSHES),
    Mutant("bytes of a body", "ports/http/exchange.py", "            if size > limit_bytes:", "            if False:", PUSHES),
    Mutant("bytes of an input's pushes", "gateway/desks/intake.py", "> self._settings.push_store_bytes:", "> self._settings.push_store_bytes and False:", PUSHES),
    Mutant("keys of pushes", "gateway/desks/intake.py", "if not 0 < len(key) <= _KEY_LIMIT:", "if False:", PUSHES),
    Mutant("fields of a push", "gateway/inputs/arrow_bodies.py", "        if count > _FIELDS_LIMIT:", "        if False:", ARROW_BODIES),
    Mutant("types of a push", "gateway/inputs/arrow_bodies.py", "        if not fits:", "        if False:", ARROW_BODIES),
    Mutant("bytes that stand for many", "gateway/inputs/arrow_bodies.py", "if come_to_bytes > max(_COME_TO_BYTES, _TIMES * size_bytes):", "if False:", ARROW_BODIES),
    Mutant("rows without bytes", "gateway/inputs/arrow_bodies.py", "if rows > size_bytes or rows * empty > _EMPTY_CELLS * size_bytes:", "if False:", ARROW_BODIES),
    Mutant("rows about hidden columns", "gateway/reach/own_rows.py", 'return f"{mine} AND list_has_all({_list(one.names)}, reads)"', "return mine", OWN_ROWS),
    Mutant("rows about hidden tables", "gateway/reach/own_rows.py", 'return f"{mine} AND (table_name IS NULL OR table_name IN {tables})"', "return mine", OWN_ROWS),
    Mutant("rows about hidden products", "gateway/reach/own_rows.py", 'about = f"list_has_all({named}, products)"', 'about = "true"', OWN_ROWS),
    Mutant("rows of other people", "gateway/reach/own_rows.py", 'return f"({about}) AND ({own})"', "return about", OWN_ROWS),
    Mutant("rules on hidden columns", "gateway/desks/quality_told.py", "for row in rows if _speaks_of(row) <= seen.names]", "for row in rows]", QUALITY),
    Mutant("numbers over hidden rows", "gateway/desks/quality_told.py", "value=float(value) if counted and isinstance", "value=float(value) if isinstance", QUALITY),
    Mutant("promises on what is hidden", "gateway/desks/slo_desk.py", "(not one.table or _exists(visible, one.table, one.column)) and ", "", SLO),
    Mutant("promises on the whole", "gateway/desks/slo_desk.py", " and (whole or not one.of_the_whole)", "", SLO),
    Mutant("how old hidden rows are", "gateway/desks/slo_desk.py", 'if one.kind == "freshness" and _filtered(visible, one.table)}', "if False}", SLO),
    Mutant("causes in hidden products", "gateway/desks/slo_desk.py", 'if one.partition(":")[0] in seen]', "]", SLO),
    Mutant("hidden products downstream", "gateway/desks/slo_desk.py", '[one for one in incident["downstream"] if one in seen]', 'incident["downstream"]', SLO),
    Mutant("names of consumers", "gateway/desks/slo_desk.py", "        if manages:\n            return shown\n", "        if True:\n            return shown\n", SLO),
    Mutant("reasons of maintenance", "gateway/desks/slo_desk.py", "**(_managed(one, name) if manages else {})", "**_managed(one, name)", SLO),
    Mutant("bodies that are signed", "gateway/service_levels/webhook.py", 'f"{name}.{moment_s}.".encode() + body', 'f"{name}.{moment_s}.".encode()', ALERTS),
    Mutant("moments that are signed", "gateway/service_levels/webhook.py", 'f"{name}.{moment_s}."', 'f"{name}."', ALERTS),
    Mutant("addresses of this machine", "gateway/service_levels/webhook.py", "        return here\n", "        return True\n", ALERTS),
    Mutant("addresses of the link", "gateway/service_levels/webhook.py", "mapped.is_link_local or ", "", ALERTS),
    Mutant("what an active product lacks", "gateway/contracts/completeness.py", " in OPEN else report.error", " in OPEN else report.warning", ("tests/gateway/test_completeness.py",)),
    Mutant("quarantined values", "gateway/desks/quarantine.py", "shown = _raw(session, self._pins.present(), snapshot)", "shown = None", QUARANTINE),
    Mutant("quarantined rows", "gateway/desks/quarantine.py", "or grant.decision.rows is not None ", "", QUARANTINE),
    Mutant("quarantined under a mask", "gateway/desks/quarantine.py", ' if sameness(grant.decision, name) == "raw"}', "}", QUARANTINE),
    Mutant("quarantined and left out", "gateway/desks/quarantine.py", "every_row=True", "every_row=False", QUARANTINE),
    Mutant("words about the erased", "gateway/operations/erase.py", "_referring(work, readers), _naming(work))", "_referring(work, readers), ())", ERASE),
    Mutant("older snapshots of the erased", "gateway/operations/erase.py", "snapshot in kept or shelf.product_of(snapshot) in products", "snapshot in kept", ERASE),
    Mutant("what was made of the erased", "gateway/operations/erase.py", "snapshot in kept or ", "", ERASE),
    Mutant("keys of the erased on record", "gateway/operations/erase.py", 'what=f"{who.table} {_hash(who, secret)}"', 'what=f"{who.table} {who.key}"', ERASE),
    Mutant("settings in builds", "gateway/publication/forks.py", ' if not name.startswith("OUTPORT_")}', "}", ("tests/gateway/test_forks.py",)),
    Mutant("whom a push is shown to", "ports/hub/connecting.py", " or not gateway.intake.takes(reader.session, visible.product):", ":", PUSHES_SHOWN),
    Mutant("past checks of hidden columns", "gateway/desks/quality_told.py", " if rule.reads <= seen.names]", "]", ("tests/gateway/test_quality.py",)),
    Mutant("columns under a grant of one's own", "gateway/reach/projected.py", "for one in declared.columns if one.name in decision.known}", "for one in declared.columns}", PROJECTIONS),
    Mutant("limits of a workspace", "gateway/reach/fences.py", ", *(one.query for one in spaces), asked)", ", asked)", WORKSPACES),
    Mutant("budgets of a workspace", "gateway/reach/fences.py", "{one.name: one.shared for one in spaces}", "{}", WORKSPACES),
    Mutant("turns of a workspace", "gateway/serving/running.py", " or any(map(self._full, asker.shares))", "", WORKSPACES),
    Mutant("whom a workspace admits", "gateway/contracts/workspaces.py", "return found if found is not None and found.admits(product.name) else None", "return found", WORKSPACES),
    Mutant("states of a sign-in", "gateway/access/code_flow.py", ' or not hmac.compare_digest(pending.state, _text(given, "state"))', "", ISSUERS),
    Mutant("sign-ins at another issuer", "gateway/access/code_flow.py", "pending.name != name or ", "", ISSUERS),
    Mutant("issuers that are mixed up", "gateway/access/code_flow.py", 'if ("iss" in given or self._says_issuer(issuer)) and given.get("iss") != issuer.issuer:', "if False:", ISSUERS),
    Mutant("nonces of a sign-in", "gateway/access/code_flow.py", "if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), pending.nonce.encode()):", "if False:", ISSUERS),
    Mutant("tokens of another issuer", "gateway/access/code_flow.py", "if token.issuer != issuer.issuer:", "if False:", ISSUERS),
    Mutant("the verifier of a code", "gateway/access/code_flow.py", '            "code_verifier": verifier,\n', "", ISSUERS),
    Mutant("the challenge of a code", "gateway/access/code_flow.py", "hashlib.sha256(verifier.encode()).digest()", "hashlib.sha256().digest()", ISSUERS),
    Mutant("names of this server", "ports/http/hosts.py", "return len(given) == 1 and self._known", "return self._known", HOSTS),
    Mutant("names that lead here", "ports/http/hosts.py", "return _plain(name) in self._names or _is_address(name)", "return True", HOSTS),
    Mutant("names of the demo", "ports/http/hosts.py", "settings.http_hosts is None and not settings.demo", "settings.http_hosts is None", HOSTS),
    Mutant("secrets of a workspace", "gateway/publication/production.py", "if settings.secrets is not None and workspace else settings.secrets", "if False else settings.secrets", WORKSPACES),
)  # fmt: skip


def notices(mutant: Mutant, folder: Path) -> bool:
    """Whether a test fails once the guard is gone."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    path = folder / mutant.file
    path.write_text(path.read_text().replace(mutant.guard, mutant.removed, 1))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests]
    # What the tests start must be the mutant too, wherever the package is installed.
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if ran.returncode not in {0, 1}:
        raise RuntimeError(f"{mutant.name}: the tests could not run\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    return ran.returncode == 1


def main(wanted: list[str]) -> int:
    """Run the mutants that are named, or all."""
    survivors = []
    for mutant in MUTANTS:
        if wanted and mutant.name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            noticed = notices(mutant, Path(folder))
        print(f"{'noticed ' if noticed else 'SURVIVED'}  {mutant.name}", flush=True)
        survivors += [] if noticed else [mutant.name]
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
