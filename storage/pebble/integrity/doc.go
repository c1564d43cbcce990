// Package integrity finds out whether a data folder still holds what was
// written to it.
//
// # Why
//
// If Pebble cannot read the end of a file after a power cut, it assumes that this
// end was never written. Damage in that place looks the same. So Pebble alone
// opens a damaged folder with records missing and reports nothing.
//
// # What the engine does
//
// An engine that writes the folder keeps two facts beside what Pebble keeps:
//
//   - In each batch it stores a format.State, with the number of the newest
//     change and a sum over all records and heads of logs.
//   - Some time after a batch is durable it moves a DurableMarker to the number
//     of the batch's newest change. The number is in the name of an empty file,
//     which no damage to the database touches.
//
// # What is detected
//
// Before the folder is opened for writing, Verify compares its contents with
// both. It reads every record, and both ends of each log:
//
//   - Records, logs, or their newest versions are missing: the sum differs, or
//     the state is older than the marker.
//   - A log does not begin and end as its head says, or entries belong to no log.
//   - Entries are missing in the middle of a log, because the list of tables
//     lost its end: a table that is not in the list has entries that no other
//     table has.
//
// Verify does not see damage to what was written after the marker moved last,
// nor all damage in the middle of a log. Whoever reads such an entry gets
// ErrDamaged, by way of Explain, and Check reads everything.
//
// Nothing in this package changes the database. A folder that is damaged stays
// as it is.
package integrity
