"""Who asks on behalf of whom, or simulates whom: a principal, another's subject and the policies -> the two as one.

Asks the directory and the policies only. An unknown subject and one that may not be asked for are refused alike.
"""

from __future__ import annotations

import time
from dataclasses import replace

from gateway.access.credentials import Proof
from gateway.access.identity import Directory
from gateway.access.principals import SUBJECT
from gateway.errors import BadQuery, Forbidden, NotFound, Unauthenticated
from gateway.policies.policy import PolicySet
from gateway.policies.policy_delegate import KINDS
from gateway.principal import NEVER, Environment, Principal
from gateway.session import Session


def on_behalf_of(
    principal: Principal, subject: str, directory: Directory, policies: PolicySet, port: str, purpose: str | None
) -> Principal:
    """`principal` as it asks on behalf of `subject`; as itself where that is its own.

    Raises Forbidden, BadQuery for no subject at all: to go on without would give the rights of `principal` alone.
    """
    if not subject:
        raise BadQuery("on whose behalf? The name is empty", reason="value")
    alone = principal.alone
    if subject == alone.subject:
        return alone
    try:
        behalf, known = directory.present(subject), True
    except NotFound:
        behalf, known = Principal(subject, "person", {}, NEVER), False
    for standin in KINDS:
        both = replace(alone, behalf=behalf, standin=standin)
        if _permitted(both, policies, port, purpose) and known:
            return both
    raise Forbidden(f'to ask on behalf of "{subject:.128}" is not granted to you', reason="delegation")


def stands(session: Session, proof: Proof, directory: Directory, policies: PolicySet) -> None:
    """Raises Unauthenticated once what opened `session` has ended: a credential, a principal, or the delegation."""
    principal = session.principal
    directory.stands(principal.alone, proof)
    if principal.behalf is None:
        return
    try:
        behalf = directory.present(principal.behalf.subject)
    except NotFound:
        behalf = None
    if behalf != principal.behalf or not _permitted(principal, policies, session.port, session.purpose):
        raise Unauthenticated("to ask on behalf of another is no longer granted", reason="expired")


def named(subject: str) -> str:
    """`subject` as the audit keeps it before it is known that there is one: what cannot be a name is not kept."""
    return subject if SUBJECT.fullmatch(subject) else "?"


def _permitted(principal: Principal, policies: PolicySet, port: str, purpose: str | None) -> bool:
    return policies.permit(principal, Environment(port, purpose, "query", time.time())) is not None
