"""The front door of the gateway: all that a port may import."""

from gateway.audit_desk import Found, Wanted
from gateway.bind import Parameters, Query, Value
from gateway.cache import BytesLru
from gateway.catalog import Kept, Lifespan, Snapshot
from gateway.changes import Changed
from gateway.code_flow import RETURN as SIGN_IN_RETURN
from gateway.code_flow import CodeFlow, Offer, Pending
from gateway.conversations import KINDS as FEEDBACK_KINDS
from gateway.conversations import Feedback, Thread, threads
from gateway.credentials import Bearer, ClientCertificate, Credentials, IdToken, Password
from gateway.decision import Decision, Treatment, Use
from gateway.duck import time_zones
from gateway.engine import Description
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
from gateway.forms import Form
from gateway.intake import ON_BAD as PUSH_ON_BAD
from gateway.intake import Push, PushForm
from gateway.limits import Limits
from gateway.lineage import Origin
from gateway.metric_formula import Formula, formula
from gateway.metrics import OpenThere
from gateway.pg_catalog import Backend
from gateway.pg_intervals import PgInterval
from gateway.pg_intervals import read as pg_interval
from gateway.pg_statement import asks_pg_catalog
from gateway.pg_types import PG_TYPES, PgType, pg_type
from gateway.pipeline import Gateway
from gateway.principal import PORTS
from gateway.product import Column, Product, Relationship, Semantic, Table
from gateway.push_examples import of as pushable
from gateway.quality_told import Quality, Told
from gateway.rate import Quota
from gateway.references import Reference
from gateway.rendering import client_text
from gateway.sasl import Binding, Challenge
from gateway.schemas import VisibleSchema
from gateway.semantic_views import RELATIONS as SEMANTIC_RELATIONS
from gateway.semantic_views import SCHEMA as SEMANTIC_SCHEMA
from gateway.session import Pin, Readiness, Session
from gateway.settings import Settings
from gateway.siblings import GONE, Siblings
from gateway.stewards import Access, Supposed
from gateway.stewardship import Stewardship
from gateway.stream import ProductProvenance, Provenance, Result, Summary
from gateway.tls import Tls, end_point
from gateway.use_words import explained
from gateway.views import Part
from gateway.visibility import visible_semantics
from gateway.visible import VisibleProduct, VisibleTable
from gateway.wire_forms import Wire

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
