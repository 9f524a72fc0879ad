// HALLPASS_KEY=... HALLPASS_KEY_ID=... go run issue.go ada@example.edu
package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	kid := os.Getenv("HALLPASS_KEY_ID")
	header, _ := json.Marshal(map[string]string{"alg": "HS256", "typ": "JWT", "kid": kid})
	claims, _ := json.Marshal(map[string]any{
		"sub": kid[:strings.LastIndex(kid, ":")], "exp": time.Now().Unix() + 86400, "jti": rand.Text(),
		"user": os.Args[1], "models": []string{"demo/*"}, "spending_limit": 2.0,
	})
	encode := base64.RawURLEncoding.EncodeToString
	input := encode(header) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(os.Getenv("HALLPASS_KEY")))
	mac.Write([]byte(input))
	fmt.Println("jwt:" + input + "." + encode(mac.Sum(nil)))
}
