"""The checks of a release: suites of Great Expectations, column types, differences to what is live."""
