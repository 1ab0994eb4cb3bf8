"""The provider `arize`: keys of the Arize API, in its two generations. `docs/arize-api.md` has the facts."""
