<?php
/*
 * Where $_ENV has the parameters of a request too, these are taken out of it. In a file of its own:
 * naming $_ENV makes PHP fill it, and prepend.php runs before every script.
 */
unset($_ENV['MENSHEN_FILES'], $_ENV['MENSHEN_USER_INI']);
