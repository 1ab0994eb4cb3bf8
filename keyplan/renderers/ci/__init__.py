"""Text for CI systems and code forges, all rendered from one shape: the sheet."""
