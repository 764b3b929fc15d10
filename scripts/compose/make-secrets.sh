#!/bin/sh
# Makes the secrets that docker-compose.yml needs, each once: a second run changes nothing that is there.
#
#     sh scripts/compose/make-secrets.sh [FOLDER]
#
# FOLDER (./secrets by default) is for its owner alone. The files in it may be read by everybody who gets that far, as the
# users inside the containers are others than the one who runs this. The folder's name is written to ./.env, which compose
# reads; without it docker-compose.yml is refused. To replace a password: stop everything, delete what holds it (a
# password and its -url or .conf file), run this again, and tell the engine, as docs/deploy.md says.
set -eu
umask 077

folder=${1:-./secrets}
mkdir -p "$folder"
chmod 700 "$folder"

# 32 random bytes in hexadecimal: good for a password, a URL, a shell and a replica set's key.
random() {
    od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n'
}

# keep NAME: standard input becomes the file, unless it is there. It appears whole.
keep() {
    if [ -e "$folder/$1" ]; then
        cat >/dev/null
        return
    fi
    cat >"$folder/.$1"
    chmod 444 "$folder/.$1"
    mv "$folder/.$1" "$folder/$1"
    echo "made $folder/$1"
}

for name in admin-token metrics-token webhook-token mongodb-key mongodb-root-password mongodb-password \
    rabbitmq-password s3-secret-key; do
    random | keep "$name"
done

# What holds a password again, in the form that a program wants it.
keep mongodb-url <<END
mongodb://gantry:$(cat "$folder/mongodb-password")@mongodb:27017/gantry?replicaSet=gantry
END
keep amqp-url <<END
amqp://gantry:$(cat "$folder/rabbitmq-password")@rabbitmq:5672
END
keep rabbitmq.conf <<END
default_user = gantry
default_pass = $(cat "$folder/rabbitmq-password")
END

if [ ! -e .env ] || ! grep -q '^GANTRY_SECRETS=' .env; then
    echo "GANTRY_SECRETS=$folder" >>.env
    echo "made .env"
fi
