"""Warehouses: one sub-package a vendor. Add another beside them; its block subclasses `base.Warehouse`."""
