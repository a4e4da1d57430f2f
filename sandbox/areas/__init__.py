"""The ministry's master data of areas: provinces, cities, districts and villages, a part of the country."""
