"""Value rules: values that a clinic replaces in its records before they are rendered, until its system is mended."""
