"""Jira Cloud and Jira Data Center as the tracker."""

from blocks.tracker.jira.tracker import JiraTracker as JiraTracker
