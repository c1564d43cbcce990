//go:build race

package main_test

// raceDetector says that the tests run with the race detector. The binary is then built
// with it too.
const raceDetector = true
