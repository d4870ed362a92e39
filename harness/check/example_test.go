package check_test

import (
	"errors"
	"fmt"

	"assay/harness/check"
	"assay/harness/history"
)

// A producer and a consumer record what they do; the check compares the two. The second message was acknowledged and never came; the
// third may or may not have been sent, and so is not lost.
func ExampleDelivery() {
	rec := history.New()
	producer, consumer := rec.Client("producer"), rec.Client("consumer")

	producer.Begin(history.Publish, "orders", 1).End(history.OK, nil)
	producer.Begin(history.Publish, "orders", 2).End(history.OK, nil)
	producer.Begin(history.Publish, "orders", 3).End(history.Unknown, errors.New("timed out"))
	consumer.Event(history.Deliver, "orders", 1, 1)

	report := check.Delivery(producer, consumer)
	result := report.NothingLost()
	fmt.Printf("%s: %s: %d of %d\n", result.Property, result.Verdict, result.Violations, result.Checked)
	fmt.Println(report.NoDuplicates())
	// Output:
	// nothing acknowledged is lost: violated: 1 of 2
	// consumer: nothing arrives twice: holds: each of 1 received arrived once
}
