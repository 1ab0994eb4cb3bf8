"""The outside world: each module implements one port, translates failures once, and knows no other adapter."""
