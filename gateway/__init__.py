"""The front door of the gateway: all that a port may import."""

from gateway.access.code_flow import RETURN as SIGN_IN_RETURN
from gateway.access.code_flow import CodeFlow, Offer, Pending
from gateway.access.credentials import Bearer, ClientCertificate, Credentials, IdToken, Password
from gateway.access.rate import Quota
from gateway.access.sasl import Binding, Challenge
from gateway.access.tls import Tls, end_point
from gateway.binding.bind import Parameters, Query, Value
from gateway.binding.lineage import Origin
from gateway.binding.use_words import explained
from gateway.binding.views import Part
from gateway.cache import BytesLru
from gateway.contracts.metric_formula import Formula, formula
from gateway.contracts.visibility import visible_semantics
from gateway.decision import Decision, Treatment, Use
from gateway.desks.audit_desk import Found, Wanted
from gateway.desks.conversations import KINDS as FEEDBACK_KINDS
from gateway.desks.conversations import Feedback, Thread, threads
from gateway.desks.intake import ON_BAD as PUSH_ON_BAD
from gateway.desks.intake import Push, PushForm
from gateway.desks.metrics import OpenThere
from gateway.desks.push_examples import of as pushable
from gateway.desks.quality_told import Quality, Told
from gateway.desks.stewards import Access, Supposed
from gateway.desks.stewardship import Stewardship
from gateway.dialects.pg_intervals import PgInterval
from gateway.dialects.pg_intervals import read as pg_interval
from gateway.errors import (
    BadQuery,
    Cancelled,
    Exhausted,
    Expired,
    Forbidden,
    GatewayError,
    Internal,
    NotFound,
    Timeout,
    Unauthenticated,
    Unavailable,
)
from gateway.limits import Limits
from gateway.pipeline import Gateway
from gateway.principal import PORTS
from gateway.product import Column, Product, Relationship, Semantic, Table
from gateway.publication.changes import Changed
from gateway.reach.references import Reference
from gateway.reach.schemas import VisibleSchema
from gateway.reach.semantic_views import RELATIONS as SEMANTIC_RELATIONS
from gateway.reach.semantic_views import SCHEMA as SEMANTIC_SCHEMA
from gateway.reach.visible import VisibleProduct, VisibleTable
from gateway.serving.catalog import Kept, Lifespan, Snapshot
from gateway.serving.engine import Description
from gateway.serving.forms import Form
from gateway.serving.rendering import client_text
from gateway.serving.siblings import GONE, Siblings
from gateway.serving.stream import ProductProvenance, Provenance, Result, Summary
from gateway.serving.wire_forms import Wire
from gateway.session import Pin, Readiness, Session
from gateway.settings import Settings
from gateway.sql.duck import time_zones
from gateway.system_catalogs.pg_catalog import Backend
from gateway.system_catalogs.pg_statement import asks_pg_catalog
from gateway.system_catalogs.pg_types import PG_TYPES, PgType, pg_type

__all__ = [
    "FEEDBACK_KINDS",
    "GONE",
    "PG_TYPES",
    "PORTS",
    "PUSH_ON_BAD",
    "SEMANTIC_RELATIONS",
    "SEMANTIC_SCHEMA",
    "SIGN_IN_RETURN",
    "Access",
    "Backend",
    "BadQuery",
    "Bearer",
    "Binding",
    "BytesLru",
    "Cancelled",
    "Challenge",
    "Changed",
    "ClientCertificate",
    "CodeFlow",
    "Column",
    "Credentials",
    "Decision",
    "Description",
    "Exhausted",
    "Expired",
    "Feedback",
    "Forbidden",
    "Form",
    "Formula",
    "Found",
    "Gateway",
    "GatewayError",
    "IdToken",
    "Internal",
    "Kept",
    "Lifespan",
    "Limits",
    "NotFound",
    "Offer",
    "OpenThere",
    "Origin",
    "Parameters",
    "Part",
    "Password",
    "Pending",
    "PgInterval",
    "PgType",
    "Pin",
    "Product",
    "ProductProvenance",
    "Provenance",
    "Push",
    "PushForm",
    "Quality",
    "Query",
    "Quota",
    "Readiness",
    "Reference",
    "Relationship",
    "Result",
    "Semantic",
    "Session",
    "Settings",
    "Siblings",
    "Snapshot",
    "Stewardship",
    "Summary",
    "Supposed",
    "Table",
    "Thread",
    "Timeout",
    "Tls",
    "Told",
    "Treatment",
    "Unauthenticated",
    "Unavailable",
    "Use",
    "Value",
    "VisibleProduct",
    "VisibleSchema",
    "VisibleTable",
    "Wanted",
    "Wire",
    "asks_pg_catalog",
    "client_text",
    "end_point",
    "explained",
    "formula",
    "pg_interval",
    "pg_type",
    "pushable",
    "threads",
    "time_zones",
    "visible_semantics",
]
