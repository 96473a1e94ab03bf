"""A person at Superset's own API: connect a database, browse it, make a dataset of a table, draw a chart, ask SQL Lab.

Takes a database's address, a schema, a table, a column to add up and one to group by; prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from superset.app import create_app

PERSON = {"username": "admin", "password": "admin", "provider": "db", "refresh": False}


def main(address: str, schema: str, table: str, measure: str, by: str) -> None:
    with create_app().test_client() as client:

        def ask(method: str, path: str, body: object = None) -> Any:
            answer = client.open(f"/api/v1/{path}", method=method, headers=headers, json=body)
            if answer.status_code >= 300:
                sys.exit(f"{method} {path}: {answer.status_code} {answer.get_data(as_text=True)}")
            return answer.json

        headers: dict[str, str] = {}
        headers["Authorization"] = f"Bearer {ask('POST', 'security/login', PERSON)['access_token']}"
        described = {"database_name": address, "sqlalchemy_uri": address}
        ask("POST", "database/test_connection/", described)
        database = ask("POST", "database/", {**described, "expose_in_sqllab": True})["id"]
        schemas = ask("GET", f"database/{database}/schemas/")["result"]
        tables = ask("GET", f"database/{database}/tables/?q=(schema_name:{schema})")["result"]
        shown = ask("GET", f"database/{database}/table_metadata/?name={table}&schema={schema}")
        made = {"database": database, "schema": schema, "table_name": table}
        dataset = ask("POST", "dataset/", made)["id"]
        columns = ask("GET", f"dataset/{dataset}")["result"]["columns"]
        total = {
            "expressionType": "SIMPLE", "column": {"column_name": measure}, "aggregate": "SUM", "label": "total",
        }  # fmt: skip
        chart = {"columns": [by], "metrics": [total], "orderby": [["total", False]], "row_limit": 100}
        source = {"id": dataset, "type": "table"}
        drawn = ask("POST", "chart/data", {"datasource": source, "queries": [chart], "result_format": "json"})
        text = f"SELECT {by}, count(*) AS n FROM {schema}.{table} GROUP BY 1 ORDER BY 1"
        asked = {"database_id": database, "schema": schema, "sql": text, "runAsync": False, "client_id": "a1"}
        found = {
            "schemas": sorted(schemas),
            "tables": sorted(one["value"] for one in tables),
            "types": {one["name"]: one["type"] for one in shown["columns"]},
            "dated": sorted(one["column_name"] for one in columns if one["is_dttm"]),
            "chart": drawn["result"][0]["data"],
            "lab": ask("POST", "sqllab/execute/", asked)["data"],
        }
        print(json.dumps(found))


main(*sys.argv[1:])
