# A MariaDB of a test's own in the current folder: with certificates of its own ("tls"), or without TLS ("plain").
# usage: mariadb_tls.sh tls|plain PORT PASSWORD
set -eu
mode=$1 port=$2 password=$3
authority() { # NAME
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem"
}
certificate() { # NAME EXTENSIONS
  openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
  printf '%s\n' "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "$1.ext" -out "$1.pem"
}
if [ "$mode" = tls ]; then
  authority ca
  authority other
  certificate server "subjectAltName=DNS:localhost"
  certificate client "basicConstraints=CA:FALSE"
  options="--ssl-ca=$PWD/ca.pem --ssl-cert=$PWD/server.pem --ssl-key=$PWD/server.key"
else
  options=--skip-ssl
fi
{
  echo "CREATE OR REPLACE USER pasted@'%' IDENTIFIED BY '$password';"
  echo "CREATE OR REPLACE USER plain@'%' IDENTIFIED BY 'plain';"
  echo "CREATE OR REPLACE USER secure@'%' IDENTIFIED BY 'secure' REQUIRE SSL;"
  echo "CREATE OR REPLACE USER certified@'%' IDENTIFIED BY 'certified' REQUIRE X509;"
  for user in pasted plain secure certified; do echo "GRANT ALL ON *.* TO $user@'%';"; done
  echo "FLUSH PRIVILEGES;"
} >init.sql
user=$(id -un)
if [ "$user" = root ]; then
  user=mysql
  chown -R mysql .
fi
# A server that starts deletes the temporary tables that it finds there, whosever they are.
export TMPDIR=$PWD
mariadb-install-db --no-defaults --user="$user" --datadir="$PWD/data" --auth-root-authentication-method=normal --skip-test-db
exec mariadbd --no-defaults --user="$user" --datadir="$PWD/data" --socket="$PWD/socket" --bind-address=127.0.0.1 \
  --port="$port" --skip-name-resolve --innodb-flush-log-at-trx-commit=0 --skip-log-bin --init-file="$PWD/init.sql" $options
