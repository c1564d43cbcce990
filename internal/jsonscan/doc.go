// Package jsonscan finds the parts of a JSON text without copying or decoding
// them.
//
// Object and Array split one level of a text and return its parts as slices of
// it. Measure, DeeperThan, Values and Compact look only at strings, brackets,
// commas and white space. A Cursor reads a text strictly, value by value, on all levels.
//
// Splitting is lenient on purpose. A part may repeat keys and may contain
// invalid UTF-8 and unpaired surrogates, so that one bad payload costs its
// sender one message and not the envelope around it. Everything else must be
// well-formed JSON, from the first byte of the text to the last. Whoever
// forwards a part must decode it strictly first.
//
// All functions and cursors take time linear in the length of the text, whatever
// it contains. The functions are safe for concurrent use.
package jsonscan
