"""The embedded company: tickets, and a seeded generator of its CRM, ERP and FX sources."""
