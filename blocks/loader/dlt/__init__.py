"""The embedded loader, on dlt: files, SQL databases and REST APIs into Parquet, typed and checked."""

from blocks.loader.dlt.loader import DltLoader as DltLoader
