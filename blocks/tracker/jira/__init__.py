"""Jira Cloud and Jira Data Center as the tracker. The block is in `tracker`."""
