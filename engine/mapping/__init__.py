"""Items of the clinic and the codes that people map them to."""
