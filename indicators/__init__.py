"""One file an indicator: tables in, ``IndicatorResult`` out; no images, no models, no torch."""
