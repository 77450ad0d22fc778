<?php
/*
 * Answers menshen's question what a pool can do. Nobody else is answered: the parameter below
 * cannot come from a header of a client.
 */
(static function (): void {
    if (($_SERVER['MENSHEN_PROBE'] ?? '') !== '1') {
        http_response_code(404);
        return;
    }
    $able = static function (string $name): bool {
        return function_exists($name);
    };
    $files = [];
    foreach ($_FILES as $name => $field) {
        $path = $field['tmp_name'];
        $there = is_string($path) && $path !== '' && is_file($path);
        $files[$name] = [
            'error' => $field['error'],
            'size' => $field['size'],
            'is_uploaded_file' => $there && is_uploaded_file($path),
            'sha256' => $there && $able('hash_file') ? (string) hash_file('sha256', $path) : '',
            'owner' => $there ? fileowner($path) : -1,
            'dev' => $there ? stat($path)['dev'] : -1,
            'writable' => $there && is_writable($path),
        ];
    }
    $made = $able('tmpfile') ? @tmpfile() : false;
    $uid = $able('posix_geteuid') ? posix_geteuid() : ($made ? fstat($made)['uid'] : -1);
    $folder = (string) ini_get('upload_tmp_dir');
    $folder = $folder === '' ? sys_get_temp_dir() : $folder;
    $seen = @stat($folder);
    $locked = ini_get_all('core')['auto_prepend_file']['access'] ?? INI_ALL;
    header('Content-Type: application/json');
    header('Cache-Control: no-store');
    echo json_encode([
        'php' => PHP_VERSION,
        'sapi' => PHP_SAPI,
        'uid' => $uid,
        'shim' => defined('MENSHEN_SHIM') ? MENSHEN_SHIM : '',
        'prepend' => (string) ini_get('auto_prepend_file'),
        'prepend_locked' => $locked === INI_SYSTEM,
        'upload_tmp_dir' => $folder,
        'upload_tmp_dev' => $seen === false ? -1 : $seen['dev'],
        'open_basedir' => (string) ini_get('open_basedir'),
        'disabled' => array_values(array_filter(
            ['rename', 'unlink', 'header', 'json_decode', 'file_get_contents', 'parse_ini_file'],
            static function (string $name) use ($able): bool {
                return !$able($name);
            }
        )),
        'file_uploads' => (bool) ini_get('file_uploads'),
        'max_file_uploads' => (int) ini_get('max_file_uploads'),
        'post_max_size' => (string) ini_get('post_max_size'),
        'upload_max_filesize' => (string) ini_get('upload_max_filesize'),
        'enable_post_data_reading' => (bool) ini_get('enable_post_data_reading'),
        'files' => (object) $files,
    ], JSON_UNESCAPED_SLASHES | JSON_PARTIAL_OUTPUT_ON_ERROR);
})();
