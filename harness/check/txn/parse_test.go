package txn_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"assay/harness/history"
)

// parse reads a history written one transaction a line, so that the good and the bad ones of a table can be compared by eye:
//
//	outcome [start end]: r list [values]; a list value; …
//
// Times are in seconds. Without them, all transactions are in flight at once, and begin in the order of their lines.
func parse(t require.TestingT, text string) history.Txns {
	var txns history.Txns
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		n := len(txns)
		txn := history.Txn{Client: fmt.Sprint("c", n+1), Start: time.Duration(n), End: time.Duration(1000 + n)}
		head, body, _ := strings.Cut(line, ":")
		fields := strings.Fields(head)
		require.NoError(t, txn.Outcome.UnmarshalText([]byte(fields[0])), "in %q", line)
		if len(fields) == 3 {
			txn.Start, txn.End = seconds(t, fields[1]), seconds(t, fields[2])
		}
		for part := range strings.SplitSeq(body, ";") {
			fields := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(part))
			switch fields[0] {
			case "a":
				txn.Ops = append(txn.Ops, history.MicroOp{Kind: history.Append, Key: fields[1], Value: number(t, fields[2])})
			case "r":
				m := history.MicroOp{Kind: history.Read, Key: fields[1]}
				for _, f := range fields[2:] {
					m.List = append(m.List, number(t, f))
				}
				txn.Ops = append(txn.Ops, m)
			default:
				require.Fail(t, "neither a nor r", "in %q", line)
			}
		}
		txns = append(txns, txn)
	}
	return txns
}

func number(t require.TestingT, s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	require.NoError(t, err)
	return n
}

func seconds(t require.TestingT, s string) time.Duration {
	d, err := time.ParseDuration(s + "s")
	require.NoError(t, err)
	return d
}
