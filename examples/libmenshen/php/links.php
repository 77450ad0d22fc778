<?php
// Makes a signed link and verifies the body of a hook, from PHP by FFI.
//
//     php -d ffi.enable=1 links.php libmenshen.so menshen.h STATE/link-keys https://files.example.com /q3.pdf
//
// A web application loads the header once, by opcache.preload, and leaves ffi.enable=preload.

final class Menshen
{
    private FFI $library;

    public function __construct(string $library, string $header)
    {
        // FFI reads declarations, not directives of the preprocessor.
        $text = preg_replace(['/^\s*#.*$/m', '/extern "C" \{/', '/^\}\s*\/\/ extern.*$/m'], '', file_get_contents($header));
        $this->library = FFI::cdef($text, $library);
    }

    /** @throws RuntimeException with the library's words */
    private function must(FFI\CData $error): void
    {
        if (FFI::isNull($error)) {
            return;
        }
        $words = $this->library->menshen_error_message($error);
        $this->library->menshen_error_free($error);
        throw new RuntimeException($words);
    }

    /** A link to download $path until $expires (Unix seconds). */
    public function link(string $keysText, string $base, string $path, int $expires): string
    {
        $c = $this->library;
        [$keys, $error, $url] = [$c->new('menshen_keys *'), $c->new('menshen_error *'), $c->new('char *')];
        $c->menshen_keys_read($keysText, strlen($keysText), FFI::addr($keys), FFI::addr($error));
        $this->must($error);
        try {
            // What a struct points to must live as long as it is used: a buffer of its own.
            $text = FFI::new('char[' . (strlen($path) + 1) . ']');
            FFI::memcpy($text, $path, strlen($path));
            $claims = $c->new('menshen_claims');
            $claims->size = FFI::sizeof($claims);
            $claims->method = 1;
            $claims->path = FFI::cast('char *', FFI::addr($text));
            $claims->expires = $expires;
            $c->menshen_link_make($keys, FFI::addr($claims), $base, FFI::addr($url), FFI::addr($error));
            $this->must($error);
            $link = FFI::string($url);
            $c->menshen_text_free($url);
            return $link;
        } finally {
            $c->menshen_keys_free($keys);
        }
    }

    /** The path an event is about, once its signature was found right. */
    public function eventPath(string $secret, string $body, string $signature): string
    {
        $c = $this->library;
        [$event, $error] = [$c->new('menshen_event *'), $c->new('menshen_error *')];
        $bytes = function (string $text): FFI\CData {
            $copy = FFI::new('uint8_t[' . max(1, strlen($text)) . ']');
            FFI::memcpy($copy, $text, strlen($text));
            return $copy;
        };
        $c->menshen_event_read($bytes($secret), strlen($secret), $bytes($body), strlen($body), $signature,
            FFI::addr($event), FFI::addr($error));
        $this->must($error);
        $path = $c->menshen_event_path($event);
        $c->menshen_event_free($event);
        return $path;
    }
}

[, $library, $header, $keys, $base, $path] = $argv;
$menshen = new Menshen($library, $header);
echo 'link ', $menshen->link(file_get_contents($keys), $base, $path, time() + 3600), "\n";

$body = '{"id":"1","event":"finished","time":1,"path":"/incoming/film.bin"}';
$signature = 'sha256=' . hash_hmac('sha256', $body, 'the secret');
echo 'event ', $menshen->eventPath("the secret\n", $body, $signature), "\n";
try {
    $menshen->eventPath('another secret', $body, $signature);
} catch (RuntimeException $refused) {
    echo 'refused: ', $refused->getMessage(), "\n";
}
