// Two runtimes, two buffers: what C prints waits in C's, which Go knows nothing of.
//
//	go run . lost  | cat     # the line of C is not there
//	go run . kept  | cat     # both lines, in order
//	go run . lines | cat     # both lines, in order, each at once
package main

/*
#include <stdio.h>
#include <stdlib.h>

static void say(const char *text) { printf("%s", text); }
static void flush(void) { fflush(NULL); }
static void by_lines(void) { setvbuf(stdout, NULL, _IOLBF, 0); }
*/
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

func say(text string) {
	words := C.CString(text)
	defer C.free(unsafe.Pointer(words))
	C.say(words)
}

func main() {
	way := "lost"
	if len(os.Args) > 1 {
		way = os.Args[1]
	}
	if way == "lines" {
		// Before C writes its first byte: from now on every line goes out at its end.
		C.by_lines()
	}
	say("one, from C\n")
	if way == "kept" {
		// Before Go writes, and before Go ends.
		C.flush()
	}
	fmt.Println("two, from Go")
	// os.Exit and the return from main end the process without C's exit(): nobody flushes.
	os.Exit(0)
}
