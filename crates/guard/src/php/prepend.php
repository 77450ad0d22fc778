<?php
/*
 * Runs before every script of a pool that is behind menshen. It puts the files of an upload, which
 * menshen received and wrote, in the place of the temporary files that PHP made of 48-byte tokens,
 * so that $_FILES, is_uploaded_file() and move_uploaded_file() are as ever. Then it runs the
 * auto_prepend_file that would have run without it.
 *
 * It leaves no variable, function or class behind. PHP 7.2 or newer.
 */
isset($_SERVER['MENSHEN_PROBE']) && define('MENSHEN_SHIM', '1');

if (isset($_SERVER['MENSHEN_FILES'])) {
    (static function (): void {
        $told = json_decode((string) $_SERVER['MENSHEN_FILES'], true);
        unset($_SERVER['MENSHEN_FILES']);
        if (strpos((string) ini_get('variables_order'), 'E') !== false) {
            require __DIR__ . '/env.php';
        }
        $files = is_array($told['files'] ?? null) ? $told['files'] : [];
        $able = function_exists('rename') && function_exists('unlink');
        $done = [0, 0];
        $put = static function (&$name, &$size, &$error) use (&$put, &$done, $files, $able): void {
            if (is_array($name)) {
                foreach ($name as $key => $ignored) {
                    $put($name[$key], $size[$key], $error[$key]);
                }
                return;
            }
            if ($error !== UPLOAD_ERR_OK || $size !== 48 || $name === '') {
                return;
            }
            $token = (string) @file_get_contents($name, false, null, 0, 49);
            $file = $files[$token] ?? null;
            if ($file === null) {
                return;
            }
            // Unlinked first: a rename onto an existing file makes some file systems write all of
            // the new one out before it returns.
            $gone = $able && @unlink($name);
            if (isset($file['path']) && $gone && @rename($file['path'], $name)) {
                $size = $file['size'];
                $done[0]++;
                return;
            }
            $done[isset($file['path']) ? 1 : 0]++;
            $error = $file['error'] ?? UPLOAD_ERR_CANT_WRITE;
            $size = 0;
            $name = '';
            error_clear_last();
        };
        foreach ($_FILES as &$field) {
            $put($field['tmp_name'], $field['size'], $field['error']);
        }
        if (is_string($told['nonce'] ?? null)) {
            header("X-Menshen-Swap: {$told['nonce']} {$done[0]} {$done[1]}");
        }
    })();
}

if (isset($_SERVER['MENSHEN_USER_INI']) ||
    !in_array((string) get_cfg_var('auto_prepend_file'), ['', __FILE__], true)) {
    if ((static function (): bool {
        $next = (string) get_cfg_var('auto_prepend_file');
        $inis = explode(':', $_SERVER['MENSHEN_USER_INI'] ?? '');
        unset($_SERVER['MENSHEN_USER_INI']);
        foreach (function_exists('parse_ini_file') ? $inis : [] as $ini) {
            if ($ini === '' || basename($ini) !== ini_get('user_ini.filename')) {
                continue;
            }
            $set = @parse_ini_file($ini);
            // Unreadable or broken, it sets nothing; PHP itself has complained already.
            $set === false && error_clear_last();
            $next = (string) ($set['auto_prepend_file'] ?? $next);
        }
        if ($next === '' || $next === 'none') {
            return false;
        }
        $found = stream_resolve_include_path($next);
        if ($found !== false && realpath($found) === realpath(__FILE__)) {
            return false;
        }
        $_SERVER['MENSHEN_NEXT'] = $found === false ? $next : $found;
        return true;
    })()) {
        // The name comes from a call, so that no variable of ours is there when the file runs.
        require (static function (): string {
            $next = $_SERVER['MENSHEN_NEXT'];
            unset($_SERVER['MENSHEN_NEXT']);
            return $next;
        })();
    }
}
