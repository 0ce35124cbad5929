"""Dremio as the warehouse, Software and Cloud."""

from blocks.warehouse.dremio.warehouse import DremioWarehouse as DremioWarehouse
