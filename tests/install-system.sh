#!/bin/sh
# What the tests use beside Python, from the system's packages, where this user may install them:
# Chromium to drive the pages. Tests that need what is missing skip, and say so.
command -v chromium >/dev/null 2>&1 && exit 0
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null
else
    echo "chromium is not installed; browser tests will skip" >&2
fi
