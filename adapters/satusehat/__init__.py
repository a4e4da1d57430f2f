"""SatuSehat, the ministry's FHIR R4 platform."""
