package engine

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// threadsOf is the file that lists the threads of a container's control group, "" where it is not in reach.
func threadsOf(id string, pid int) string {
	if pid <= 0 {
		return ""
	}
	groups, err := groupsOf(id, pid)
	if err != nil {
		return ""
	}
	return groups["cpu"].file("tasks", "cgroup.threads")
}

// waits reads /proc/<thread>/schedstat of each: nanoseconds on a processor, nanoseconds of waiting for one, and how often it got one
// (Documentation/scheduler/sched-stats.rst).
func waits(threads string) map[int]Wait {
	list, err := os.ReadFile(threads)
	if err != nil {
		return nil
	}
	all := map[int]Wait{}
	for number := range strings.FieldsSeq(string(list)) {
		text, err := os.ReadFile("/proc/" + number + "/schedstat")
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text))
		thread, err := strconv.Atoi(number)
		if err != nil || len(fields) < 3 {
			continue
		}
		waited, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			continue
		}
		times, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			continue
		}
		all[thread] = Wait{time.Duration(waited), times}
	}
	return all
}
