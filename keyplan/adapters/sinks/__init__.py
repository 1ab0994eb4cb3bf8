"""Secret sinks: a module each, with OPTIONS and `build`; heavy SDKs are imported inside `build`."""
