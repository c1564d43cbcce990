// Package memory is a storage engine that keeps everything in the memory of
// the process. It serves tests, and streams that ask for no durability: what
// the contract of package storage calls durable lasts as long as the Engine.
package memory
