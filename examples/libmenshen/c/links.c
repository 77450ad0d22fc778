/* Makes a signed link, checks it, and tells what an out-of-memory log says.
 *
 *     cc links.c -lmenshen -o links
 *     ./links STATE/link-keys https://files.example.com /reports/q3.pdf /var/log/kern.log
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "menshen.h"

/* Ends the program with the library's words when a call failed. */
static void must(const char *what, menshen_error *error)
{
    if (error == NULL)
        return;
    fprintf(stderr, "links: %s: %s\n", what, menshen_error_message(error));
    menshen_error_free(error);
    exit(1);
}

static FILE *opened(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static menshen_keys *keys_from(const char *path)
{
    char text[65536];
    FILE *file = opened(path);
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);

    menshen_keys *keys = NULL;
    menshen_error *error = NULL;
    menshen_keys_read(text, length, &keys, &error);
    memset(text, 0, sizeof text);
    must(path, error);
    return keys;
}

static void link_for(const menshen_keys *keys, const char *base, const char *path)
{
    uint64_t now = (uint64_t)time(NULL);
    menshen_claims claims = {
        .size = sizeof claims,
        .method = MENSHEN_METHOD_GET,
        .path = path,
        .expires = now + 3600,
    };
    menshen_error *error = NULL;
    char *url = NULL;
    menshen_link_make(keys, &claims, base, &url, &error);
    must("no link", error);
    printf("link %s\n", url);

    /* What the door will say of it. */
    menshen_code now_code =
        menshen_link_check(keys, url, MENSHEN_METHOD_GET, path, "192.0.2.1", now, NULL);
    menshen_code later =
        menshen_link_check(keys, url, MENSHEN_METHOD_GET, path, "192.0.2.1", now + 3600, &error);
    printf("now %s, in an hour: %s\n", now_code == MENSHEN_CODE_OK ? "good" : "not good",
           later == MENSHEN_CODE_OK ? "good" : menshen_error_message(error));
    menshen_error_free(error);
    menshen_text_free(url);
}

static void night(const char *path)
{
    FILE *log = opened(path);
    menshen_story *story = NULL;
    menshen_error *error = NULL;
    menshen_story_new(MENSHEN_STORY_KIND_OOM, &story, &error);
    must("no story", error);
    uint8_t piece[4096];
    size_t length;
    while ((length = fread(piece, 1, sizeof piece, log)) > 0) {
        menshen_story_push(story, piece, length, &error);
        must("the log", error);
    }
    fclose(log);
    char *json = NULL;
    menshen_story_finish(story, &json, &error);
    must("no end", error);
    printf("%s", json);
    menshen_text_free(json);
}

int main(int count, char **words)
{
    if (count != 5) {
        fprintf(stderr, "usage: links KEYS BASE PATH LOG\n");
        return 2;
    }
    if (menshen_abi_version() >> 16 != MENSHEN_ABI_VERSION >> 16) {
        fprintf(stderr, "links: built for another libmenshen\n");
        return 1;
    }
    menshen_keys *keys = keys_from(words[1]);
    link_for(keys, words[2], words[3]);
    menshen_keys_free(keys);
    night(words[4]);
    return 0;
}
