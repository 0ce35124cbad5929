"""The same work without the workflow, as a team would glue it: dlt, dbt, Great Expectations, Hyper, one after
the other. No ledger, no quarantine, no release, no pages, no tickets. `python -m tests.benchmarks.plain STATE`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.measure import ROOT

MARTS = ("daily_revenue", "customer_value", "product_performance", "sales_pipeline")


def load(state: Path, rates_url: str) -> None:
    import dlt
    import duckdb
    from dlt.sources.rest_api import rest_api_source
    from dlt.sources.sql_database import sql_database

    database = str(state / "plain.duckdb")
    reader = duckdb.connect()
    types = {
        "InvoiceNo": "invoice_no",
        "StockCode": "stock_code",
        "Description": "description",
        "Quantity": "quantity",
        "InvoiceDate": "invoiced_at",
        "UnitPrice": "unit_price",
        "CustomerID": "customer_id",
        "Country": "country",
    }
    columns = ", ".join(f'"{origin}" as {name}' for origin, name in types.items())
    casts = {
        "quantity": "integer",
        "invoiced_at": "timestamp",
        "unit_price": "decimal(18,4)",
        "customer_id": "double",
    }
    typed = ", ".join(f"try_cast({name} as {kind}) as {name}" for name, kind in casts.items())
    lines = reader.sql(
        f"select * from (select * replace ({typed}) from (select {columns} from"
        f" read_csv('{state}/demo/erp/*.csv', all_varchar=true))) where quantity + unit_price is not null"
    ).to_arrow_table()
    jobs = [
        ("raw_erp", dlt.resource(lines, name="invoice_lines", write_disposition="replace")),
        ("raw_crm", sql_database(f"sqlite:///{state}/demo/crm.sqlite", backend="pyarrow")),
        (
            "raw_fx",
            rest_api_source(
                {
                    "client": {
                        "base_url": rates_url,
                        "paginator": {"type": "json_link", "next_url_path": "next"},
                    },
                    "resources": [
                        {
                            "name": "rates",
                            "endpoint": {"path": "rates", "data_selector": "data"},
                            "columns": {"rate_date": {"data_type": "date"}},
                        }
                    ],
                }
            ),
        ),
    ]
    for dataset, source in jobs:
        pipeline = dlt.pipeline(
            f"plain_{dataset}",
            destination=dlt.destinations.duckdb(database),
            dataset_name=dataset,
            pipelines_dir=str(state / "pipelines"),
        )
        pipeline.run(source, loader_file_format="parquet")


def build(state: Path) -> None:
    target = {"type": "duckdb", "path": str(state / "plain.duckdb"), "schema": "marts", "threads": 2}
    profile = {"ticket_to_dashboard": {"target": "plain", "outputs": {"plain": target}}}
    (state / "profiles.yml").write_text(json.dumps(profile))
    flags = [
        "--project-dir",
        ROOT / "dbt",
        "--profiles-dir",
        state,
        "--target-path",
        state / "target",
        "--log-path",
        state / "logs",
        "--quiet",
        "--select",
        *(f"+{mart}" for mart in MARTS),
    ]
    subprocess.run([sys.executable, "-m", "dbt.cli.main", "build", *map(str, flags)], check=True)


def check(state: Path) -> None:
    import great_expectations as gx

    from blocks.warehouse.duckdb.sqlalchemy import make_url

    context = gx.get_context(mode="ephemeral")
    source = context.data_sources.add_sql(
        "plain", connection_string=make_url(state / "plain.duckdb"), create_temp_table=False
    )
    for mart in MARTS:
        batch = source.add_table_asset(
            mart, table_name=mart, schema_name="marts"
        ).add_batch_definition_whole_table("all")
        suite = json.loads((ROOT / "expectations" / f"{mart}.json").read_text())
        result = batch.get_batch().validate(gx.ExpectationSuite(**suite))
        if not result.success:
            sys.exit(f"{mart} failed its suite")
    source.get_execution_engine().close()
    source.get_engine().dispose()


def extract(state: Path) -> None:
    import duckdb
    from tableauhyperapi import Connection, CreateMode, HyperProcess, Telemetry

    with duckdb.connect(str(state / "plain.duckdb"), read_only=True) as reader:
        for mart in MARTS:
            columns = reader.sql(f"describe marts.{mart}").fetchall()
            kinds = {name: "bigint" if kind == "HUGEINT" else kind for name, kind, *_ in columns}
            kinds = {name: "double" if "DECIMAL" in kind else kind for name, kind in kinds.items()}
            typed = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in kinds.items())
            reader.sql(
                f"copy (select {typed} from marts.{mart}) to '{state}/{mart}.parquet' (format parquet)"
            )
    with HyperProcess(Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU, parameters={"log_config": ""}) as hyper:
        for mart in MARTS:
            with Connection(
                hyper.endpoint, str(state / f"{mart}.hyper"), CreateMode.CREATE_AND_REPLACE
            ) as connection:
                connection.execute_command(
                    f"create table extract as (select * from external('{state}/{mart}.parquet'))"
                )


def main(state: Path) -> None:
    """Do it all over the demo company in STATE/demo, made if it is missing."""
    from demo.company import generate
    from demo.fx_api import serve

    company = generate(state / "demo")
    with serve(company.fx) as rates_url:
        load(state, rates_url)
    build(state)
    check(state)
    extract(state)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
