"""Tableau Server and Tableau Cloud as the site."""

from blocks.site.tableau.site import TableauSite as TableauSite
