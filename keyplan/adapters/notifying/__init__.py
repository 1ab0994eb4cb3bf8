"""Ways to tell somebody: webhooks, and everything that apprise reaches. Each implements the `Notifier` port."""
