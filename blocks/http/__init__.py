"""HTTP for every vendor.

session: a bounded `requests` session; errors: the one table from status to error, and Retry-After; polling: the
one waiting loop. A vendor subclasses HttpSession in its own room, and gives its remedies as data.
"""
