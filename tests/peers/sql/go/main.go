// Go's driver of Debian's package through the door, text and prepared:
// HOST PORT USER PASSWORD DATABASE.
package main

import (
	"database/sql"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func same(expected, actual, what string) {
	if expected != actual {
		fmt.Fprintf(os.Stderr, "%s: expected %q, got %q\n", what, expected, actual)
		os.Exit(1)
	}
}

type source interface {
	QueryRow(query string, args ...interface{}) *sql.Row
}

func value(from source, query string, args ...interface{}) string {
	var text string
	must(from.QueryRow(query, args...).Scan(&text))
	return text
}

func main() {
	host, port, user, password, database :=
		os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	name := fmt.Sprintf("%s:%s@tcp(%s:%s)/%s?charset=utf8mb4&multiStatements=true",
		user, password, host, port, database)
	for _, more := range []string{"", "&interpolateParams=true"} {
		db, err := sql.Open("mysql", name+more)
		must(err)
		_, err = db.Exec("CREATE OR REPLACE TABLE go_t (id INT PRIMARY KEY, v VARCHAR(100)) ENGINE=InnoDB")
		must(err)
		_, err = db.Exec("INSERT INTO go_t VALUES (?, ?), (?, ?)", 1, "门神", 2, "it's")
		must(err)
		// The door learns a moment later from the server's log that the table is settled.
		time.Sleep(500 * time.Millisecond)
		for round := 0; round < 4; round++ {
			same("门神", value(db, "SELECT v FROM go_t WHERE id=1"), "text read")
			same("it's", value(db, "SELECT v FROM go_t WHERE id=?", 2), "read with a value")
		}
		_, err = db.Exec("UPDATE go_t SET v=? WHERE id=?", "changed", 2)
		must(err)
		same("changed", value(db, "SELECT v FROM go_t WHERE id=?", 2), "own write")
		change, err := db.Begin()
		must(err)
		_, err = change.Exec("DELETE FROM go_t WHERE id=1")
		must(err)
		same("1", value(change, "SELECT COUNT(*) FROM go_t"), "inside a transaction")
		same("2", value(db, "SELECT COUNT(*) FROM go_t"), "beside a transaction")
		must(change.Rollback())
		same("2", value(db, "SELECT COUNT(*) FROM go_t"), "after a rollback")
		mysql.RegisterReaderHandler("rows", func() io.Reader {
			return strings.NewReader("7\tseven\n8\teight\n")
		})
		_, err = db.Exec("LOAD DATA LOCAL INFILE 'Reader::rows' INTO TABLE go_t")
		must(err)
		same("eight", value(db, "SELECT v FROM go_t WHERE id=8"), "LOCAL INFILE")
		_, err = db.Query("SELECT * FROM no_such_table")
		if failure, ok := err.(*mysql.MySQLError); !ok || failure.Number != 1146 {
			must(fmt.Errorf("an error: %v", err))
		}
		must(db.Close())
	}
	fmt.Println("ok")
}
