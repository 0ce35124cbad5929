"""Workbooks and data sources as Tableau's XML. Nothing is sent from here."""
