"""Sends notifications about unattended runs: to webhooks, and to everything that apprise reaches."""
