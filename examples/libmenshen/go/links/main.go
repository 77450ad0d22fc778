// Makes a signed link and checks it, from Go through cgo.
//
//	go run . STATE/link-keys https://files.example.com /reports/q3.pdf
package main

/*
#cgo LDFLAGS: -lmenshen
#include <stdlib.h>
#include "menshen.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"
)

// failure takes an error of the library over; nil for none.
func failure(err *C.menshen_error) error {
	if err == nil {
		return nil
	}
	defer C.menshen_error_free(err)
	return errors.New(C.GoString(C.menshen_error_message(err)))
}

// Keys sign links. Any number of goroutines may use them.
type Keys struct{ keys *C.menshen_keys }

// ReadKeys reads the text of a file of keys.
func ReadKeys(text []byte) (*Keys, error) {
	if len(text) == 0 {
		return nil, errors.New("the file of keys is empty")
	}
	var keys *C.menshen_keys
	var err *C.menshen_error
	C.menshen_keys_read((*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text)), &keys, &err)
	if err := failure(err); err != nil {
		return nil, err
	}
	owner := &Keys{keys}
	runtime.SetFinalizer(owner, func(owner *Keys) { C.menshen_keys_free(owner.keys) })
	return owner, nil
}

// Link makes a link to download path until expires.
func (k *Keys) Link(base, path string, expires time.Time) (string, error) {
	cBase, cPath := C.CString(base), C.CString(path)
	defer C.free(unsafe.Pointer(cBase))
	defer C.free(unsafe.Pointer(cPath))
	// Go memory that holds C pointers must not be given to C: the claims are C's.
	claims := (*C.menshen_claims)(C.calloc(1, C.sizeof_menshen_claims))
	defer C.free(unsafe.Pointer(claims))
	claims.size = C.sizeof_menshen_claims
	claims.method = C.MENSHEN_METHOD_GET
	claims.path = cPath
	claims.expires = C.uint64_t(expires.Unix())
	var url *C.char
	var err *C.menshen_error
	C.menshen_link_make(k.keys, claims, cBase, &url, &err)
	runtime.KeepAlive(k)
	if err := failure(err); err != nil {
		return "", err
	}
	defer C.menshen_text_free(url)
	return C.GoString(url), nil
}

// Check says why a link does not allow a download; nil when it does.
func (k *Keys) Check(link, path, address string, now time.Time) error {
	cLink, cPath, cAddress := C.CString(link), C.CString(path), C.CString(address)
	defer C.free(unsafe.Pointer(cLink))
	defer C.free(unsafe.Pointer(cPath))
	defer C.free(unsafe.Pointer(cAddress))
	var err *C.menshen_error
	C.menshen_link_check(k.keys, cLink, C.MENSHEN_METHOD_GET, cPath, cAddress,
		C.uint64_t(now.Unix()), &err)
	runtime.KeepAlive(k)
	return failure(err)
}

func run(arguments []string) error {
	if len(arguments) != 3 {
		return errors.New("usage: links KEYS BASE PATH")
	}
	text, err := os.ReadFile(arguments[0])
	if err != nil {
		return err
	}
	keys, err := ReadKeys(text)
	if err != nil {
		return err
	}
	now := time.Now()
	link, err := keys.Link(arguments[1], arguments[2], now.Add(time.Hour))
	if err != nil {
		return err
	}
	fmt.Println("link", link)
	if err := keys.Check(link, arguments[2], "192.0.2.1", now); err != nil {
		return err
	}
	fmt.Println("in an hour:", keys.Check(link, arguments[2], "192.0.2.1", now.Add(time.Hour)))
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "links:", err)
		os.Exit(1)
	}
}
