"""Relief: front and back depth of a photographed object, pixel by pixel."""
