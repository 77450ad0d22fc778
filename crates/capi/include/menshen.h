/* menshen.h: what other programs want from menshen. Guide: docs/guide/libmenshen.md.
 *
 * Every call is thread-safe; what it is given belongs to the caller, what it hands out is freed with
 * the function of its own named beside it. No call writes to standard output or standard error, and
 * the library keeps no state of its own. A call that can fail takes a place for an error, which may
 * be NULL; with a place, NULL or an error is put there, to be freed with menshen_error_free.
 *
 * Made from crates/capi by its test `the_header_is_this_one`; do not edit. */

#ifndef MENSHEN_H
#define MENSHEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The version of this interface: the major number in the upper 16 bits, the minor one below. A
// program that was built with the same major number and the same or a smaller minor one works.
#define MENSHEN_ABI_VERSION 1

// How a call ended.
typedef enum {
    // It did what it says.
    MENSHEN_CODE_OK = 0,
    // The answer is no: the link does not allow it, the signature does not fit.
    MENSHEN_CODE_NO = 1,
    // The caller's fault: NULL where none may be, text that is not UTF-8, a number out of range.
    MENSHEN_CODE_USAGE = 2,
    // What was given to be read is not of the form it should have.
    MENSHEN_CODE_MALFORMED = 3,
    // It is longer than the library takes.
    MENSHEN_CODE_TOO_LARGE = 4,
    // The operating system gave no random bytes.
    MENSHEN_CODE_RANDOM = 5,
    // A defect of the library. Nothing is left half done, and it can be used on.
    MENSHEN_CODE_INTERNAL = 6,
} menshen_code;

// How far the authority says it has checked who is behind the name.
typedef enum {
    // No class can be told: a private authority, or signed by itself.
    MENSHEN_CLASS_NONE = 0,
    // Control of the domain name only.
    MENSHEN_CLASS_DV = 1,
    // The organisation too.
    MENSHEN_CLASS_OV = 2,
    // An individual person too.
    MENSHEN_CLASS_IV = 3,
    // Extended validation of the organisation.
    MENSHEN_CLASS_EV = 4,
} menshen_class;

// What may be done by a link.
typedef enum {
    // Download a file, or see a folder and download what is in it.
    MENSHEN_METHOD_GET = 1,
    // Store one file under one name.
    MENSHEN_METHOD_PUT = 2,
    // Store new files in one folder, without seeing what is there.
    MENSHEN_METHOD_DROP = 3,
} menshen_method;

// What a story is told from.
typedef enum {
    // The kernel's words in an out-of-memory night: `dmesg`, syslog, the journal's text.
    MENSHEN_STORY_KIND_OOM = 1,
    // A capture of PPTP calls, pcap or pcapng.
    MENSHEN_STORY_KIND_TUNNEL = 2,
} menshen_story_kind;

// An error. Made by a call that was given a place for it; freed with `menshen_error_free`.
typedef struct menshen_error menshen_error;

// An event. Nothing changes it once it is made: any number of threads may read it at a time. Its
// texts live as long as it does.
typedef struct menshen_event menshen_event;

// Keys of signed links. Nothing changes them once they are made: any number of threads may use
// one at a time.
typedef struct menshen_keys menshen_keys;

// A story that is being read. For one thread at a time.
typedef struct menshen_story menshen_story;

// What a link shall say. Fill it with zeros, set `size`, then what is wanted.
typedef struct {
    // `sizeof(menshen_claims)` where the program was built; later versions may have more fields. A
    // field that this library does not know must be zero, or no link is made.
    size_t size;
    // `MENSHEN_METHOD_GET`, `…_PUT` or `…_DROP`.
    uint32_t method;
    // How often, 0: as often as wanted.
    uint32_t count;
    // The path as the listing shows it, not percent-encoded, from "/" on; a folder ends with "/".
    const char *path;
    // From where, such as "192.0.2.0/24, 2001:db8::/32"; NULL: from anywhere.
    const char *networks;
    // Unix seconds before which it is not good yet; 0: at once.
    uint64_t not_before;
    // Unix seconds from which on it is not good any more; not 0.
    uint64_t expires;
    // How many bytes of content in all; 0: no limit.
    uint64_t bytes;
    // Bytes per second of one answer; 0: no limit.
    uint64_t rate;
} menshen_claims;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// `MENSHEN_ABI_VERSION` of the library that is loaded.
uint32_t menshen_abi_version(void);

// The version of menshen the library is of, such as "1.2.3". Never NULL, never freed.
const char *menshen_version(void);

// The class of the first certificate in `file`, which is PEM (what is not a certificate in it is
// passed over) or DER.
menshen_code menshen_certificate_class(const uint8_t *file,
                                       size_t length,
                                       menshen_class *class_,
                                       menshen_error **error);

// Everything that can be told from the certificates in `file` (the server's first, its issuers
// after it), as JSON like the part `certificate` of `menshen explain cert --json`. `name` is the
// name or address that was asked for, or NULL; `now` is Unix seconds. `json` is to be freed with
// `menshen_text_free`.
menshen_code menshen_certificate_explain(const uint8_t *file,
                                         size_t length,
                                         const char *name,
                                         int64_t now,
                                         char **json,
                                         menshen_error **error);

// The code of an error; `MENSHEN_CODE_OK` for NULL.
menshen_code menshen_error_code(const menshen_error *error);

// One sentence for people, lower case, without period, in UTF-8; "" for NULL. It lives as long as
// the error.
const char *menshen_error_message(const menshen_error *error);

// Frees an error; nothing for NULL.
void menshen_error_free(menshen_error *error);

// Verifies and reads the body of a hook. `secret` is the first line of the hook's file `secret`,
// `signature` the value of the field `X-Hub-Signature-256`. A wrong signature is
// `MENSHEN_CODE_NO`, and nothing of the body is looked at.
menshen_code menshen_event_read(const uint8_t *secret,
                                size_t secret_length,
                                const uint8_t *body,
                                size_t body_length,
                                const char *signature,
                                menshen_event **event,
                                menshen_error **error);

// Its id, 32 hexadecimal digits: a repeated delivery has the same one.
const char *menshen_event_id(const menshen_event *event);

// What happened: "created", "finished" or "deleted".
const char *menshen_event_kind(const menshen_event *event);

// The path of the file, or of the script of a site.
const char *menshen_event_path(const menshen_event *event);

// The SHA-256 of the file in hexadecimal digits; NULL where it was not made.
const char *menshen_event_sha256(const menshen_event *event);

// The id of the upload; NULL when it was none that can be resumed.
const char *menshen_event_upload(const menshen_event *event);

// Whose the upload is: "token", "anyone" or "browser-…"; NULL where nobody is told.
const char *menshen_event_owner(const menshen_event *event);

// The host of the site; NULL for the file service.
const char *menshen_event_site(const menshen_event *event);

// When it happened, Unix time in milliseconds; 0 for NULL.
uint64_t menshen_event_time_ms(const menshen_event *event);

// Bytes of the file into `size`; false, and nothing is written, where they are not known.
bool menshen_event_size(const menshen_event *event, uint64_t *size);

// Frees an event; nothing for NULL.
void menshen_event_free(menshen_event *event);

// Reads keys from the text of a file of keys (`links.keys` of the configuration). The library
// opens no file: who reads it should see to it that others cannot.
menshen_code menshen_keys_read(const char *file_text,
                               size_t length,
                               menshen_keys **keys,
                               menshen_error **error);

// Frees keys; nothing for NULL.
void menshen_keys_free(menshen_keys *keys);

// Makes a link below `base` (scheme, host and port, such as "https://files.example.com"), signed
// with the newest of `keys`. `url` is given its address, to be freed with `menshen_text_free`.
menshen_code menshen_link_make(const menshen_keys *keys,
                               const menshen_claims *claims,
                               const char *base,
                               char **url,
                               menshen_error **error);

// Whether a link allows something: `MENSHEN_CODE_OK` or, with the reason in `error`,
// `MENSHEN_CODE_NO`. `link` is an address or the link in it, `method` what somebody wants to do,
// `path` on what (not percent-encoded), `address` from where ("192.0.2.1", "2001:db8::1"), `now`
// when (Unix seconds).
menshen_code menshen_link_check(const menshen_keys *keys,
                                const char *link,
                                uint32_t method,
                                const char *path,
                                const char *address,
                                uint64_t now,
                                menshen_error **error);

// What a link says, as JSON with the fields of `menshen link --json`, if one of `keys` signed it;
// whether it is good now is not looked at. `json` is to be freed with `menshen_text_free`.
menshen_code menshen_link_read(const menshen_keys *keys,
                               const char *link,
                               char **json,
                               menshen_error **error);

// Begins a story of `kind`: `MENSHEN_STORY_KIND_OOM` or `…_TUNNEL`.
menshen_code menshen_story_new(uint32_t kind, menshen_story **story, menshen_error **error);

// Takes the next bytes of the log or capture, cut anywhere. Memory is bounded whatever comes.
// After an error the story can only be freed.
menshen_code menshen_story_push(menshen_story *story,
                                const uint8_t *piece,
                                size_t length,
                                menshen_error **error);

// Ends the story and frees it, whatever comes of it. `json` is what `menshen explain oom --json`
// or `menshen explain tunnel --pcap … --json` print of the same bytes, to be freed with
// `menshen_text_free`.
menshen_code menshen_story_finish(menshen_story *story, char **json, menshen_error **error);

// Frees a story that is not wanted any more; nothing for NULL.
void menshen_story_free(menshen_story *story);

// Frees a text that a call of this library made; nothing for NULL. Its `free` and no other:
// another allocator may have made it.
void menshen_text_free(char *text);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* MENSHEN_H */
